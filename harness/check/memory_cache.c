/* SPDX-License-Identifier: MIT */
/* memory-cache: page cache counts like other memory, but nobody is killed for it: it is given up.
 *
 * A file of twice the limit is read, or written, from its begin to its end and again; how much of
 * it the kernel holds is asked of mincore(2), by the program itself. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define MIB       (1024.0 * 1024)
#define LIMIT_MIB 32
#define FILE_MIB  64
#define TURN_NS   (3 * NS_PER_S)
#define LEAST_NS  NS_PER_S
#define TURNS_MAX 30
/* Half of the limit is less than any program of ours uses of it beside the file. */
#define LOW       0.5
#define HIGH      1.0

extern const struct check_ops check_ops_memory_cache;

static int memory_cache_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_MEMORY, err);
}

/* Turns until the whole file went through once: a disk may be slow. */
static int go_through(struct check_run *run, struct check_player *player, bool *ret_killed,
		      struct tare_err *err)
{
	struct check_turn turn = {0};
	uint64_t blocks = 0;

	for (int i = 0; i < TURNS_MAX && blocks < FILE_MIB && !turn.ended; i++) {
		int r = check_play(player, check_time(run, TURN_NS, LEAST_NS), &turn, err);

		if (r < 0)
			return r;
		blocks += turn.ops;
	}
	*ret_killed = turn.ended;
	if (blocks < FILE_MIB && !turn.ended)
		return err_set(err, ETIMEDOUT, "%d MiB did not go through in time", FILE_MIB);
	return 0;
}

/* MiB of the file that are held at the end; 0 of who was killed. */
static int stream(struct check_run *run, bool limited, const char *way, double *ret_mib,
		  bool *ret_killed, struct tare_err *err)
{
	char params[80], limits[32];
	const struct check_load load = {.load = "io-stream",
					.params = params,
					.limits = limits,
					.safety = "memory=128M cpus=0.9"};
	struct check_player *player;
	struct play_result result;
	int r;

	(void)snprintf(params, sizeof(params), "rw=%s direct=off block=1M size=%dM", way, FILE_MIB);
	(void)snprintf(limits, sizeof(limits), "memory=%dM", LIMIT_MIB);
	if ((r = check_start(run, &load, limited, &player, err)) < 0 ||
	    (r = go_through(run, player, ret_killed, err)) < 0)
		return r;
	*ret_mib = 0;
	if (!*ret_killed && ((r = check_finish(player, &result, err)) < 0 ||
			     (r = check_figure_of(&result, "cached", ret_mib, err)) < 0))
		return r;
	*ret_mib /= MIB;
	return check_stop(player, err);
}

static int memory_cache_measure(struct check_run *run, bool limited, struct check_figure *ret,
				struct tare_err *err)
{
	static const char *const ways[] = {"read", "write"};
	bool any_killed = false;

	ret->details = json_pack("{s:i, s:i}", "limit_mib", LIMIT_MIB, "file_mib", FILE_MIB);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bool killed = false;
		double mib = 0;
		int r = stream(run, limited, ways[i], &mib, &killed, err);

		if (r < 0)
			return r;
		(void)json_object_set_new(
			ret->details, ways[i],
			json_pack("{s:o, s:b}", "cached_mib", json_number(mib), "killed", killed));
		any_killed |= killed;
		if (i == 0 || mib / LIMIT_MIB > ret->value)
			ret->value = mib / LIMIT_MIB;
		ret->n++;
	}
	/* Whoever was killed decides; what holds less than it may, alive, is no limit's fault. */
	if (any_killed)
		ret->value = 0;
	else if (ret->value < LOW)
		(void)snprintf(ret->disturbed, sizeof(ret->disturbed),
			       "the machine took back page cache that the limit would have left");
	return 0;
}

const struct check_ops check_ops_memory_cache = {
	.name = "memory-cache",
	.summary = "page cache of a file of twice the limit, over the limit; 0: killed",
	.claim = "a program whose file is larger than the limit lives, and the page cache stays "
		 "within it",
	.limits = "memory",
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance = "no more than the limit, and no less than half of it: the rest is the "
		     "program's own (test_memcontrol.c lets 10 % pass over it)",
	.probe = memory_cache_probe,
	.measure = memory_cache_measure,
};
