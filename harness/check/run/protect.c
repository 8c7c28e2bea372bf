/* SPDX-License-Identifier: MIT */
/* The program under protection reads a file once, and then waits. The one beside it comes up in
 * another group of the same parent, whose limit is what makes them want each other's memory: so it
 * takes a few MiB of the machine, and no swap. */
#include "check/run/protect.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define AROUND     "memory=64M"
#define FILE_BYTES (24.0 * 1024 * 1024)
#define BLOCKS     12
#define TURN_NS    (500 * NS_PER_MS)
#define TURNS_MAX  60

int check_protect_probe(struct check_run *run, struct tare_err *err)
{
	int r = check_needs(run, CGROUP_MEMORY, err);

	if (r == 0 && check_layout(run)->controllers[CGROUP_MEMORY].version == 1)
		return err_set(err, ENOTSUP,
			       "cgroup v1 protects no memory: its soft limit is a wish that only "
			       "a shortage of the whole machine asks for (memory.rst)");
	return r;
}

/* The file is in the page cache, read once from its begin to its end. */
static int hold(struct check_run *run, const struct check_pressure *pressure, bool limited,
		struct check_player **ret, struct tare_err *err)
{
	const struct check_load load = {.load = "io-stream",
					.params = "rw=read direct=off block=2M size=24M",
					.limits = pressure->limits,
					.safety = "memory=128M cpus=0.9",
					.around = AROUND};
	struct check_turn turn;
	int r = check_start(run, &load, limited, ret, err);

	/* The shortest turn there is is one block. */
	for (int i = 0; i < BLOCKS && r == 0; i++)
		r = check_play(*ret, 1, &turn, err);
	return r < 0 ? r : check_refuse_group_below(*ret, err);
}

static int press(struct check_run *run, const struct check_pressure *pressure, bool *ret_killed,
		 struct tare_err *err)
{
	const struct check_load load = {.load = pressure->load,
					.params = pressure->params,
					.safety = "memory=128M cpus=0.9",
					.around = AROUND};
	struct check_turn turn = {0};
	struct check_player *player;
	struct play_result result;
	uint64_t ops = 0;
	int r = check_start(run, &load, false, &player, err);

	for (int i = 0; i < TURNS_MAX && r == 0 && ops < pressure->ops && !turn.ended; i++) {
		r = check_play(player, TURN_NS, &turn, err);
		ops += turn.ops;
	}
	if (r == 0 && ops < pressure->ops && !turn.ended)
		return err_set(err, ETIMEDOUT, "the load '%s' did not want its memory in time",
			       pressure->load);
	*ret_killed = turn.ended;
	/* Whoever ends by himself takes his file with him. */
	return r < 0 || turn.ended ? r : check_finish(player, &result, err);
}

int check_protect_measure(struct check_run *run, const struct check_pressure *pressure,
			  bool limited, struct check_figure *ret, struct tare_err *err)
{
	struct check_player *player;
	struct play_result result;
	bool killed = false;
	double cached;
	int r = hold(run, pressure, limited, &player, err);

	if (r == 0)
		r = press(run, pressure, &killed, err);
	if (r < 0 || (r = check_finish(player, &result, err)) < 0 ||
	    (r = check_figure_of(&result, "cached", &cached, err)) < 0)
		return r;
	ret->value = cached / FILE_BYTES;
	ret->n = 1;
	ret->details = json_pack("{s:o, s:b}", "cached_bytes", json_number(cached),
				 "neighbour_killed", killed);
	return 0;
}
