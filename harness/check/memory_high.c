/* SPDX-License-Identifier: MIT */
/* memory-high: above the mark a program is slowed down so much that it stays near it, alive. */
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define HIGH_MIB 32
#define SIZE_MIB 96
#define FILL_NS  (3 * NS_PER_S)

extern const struct check_ops check_ops_memory_high;

static int memory_high_probe(struct check_run *run, struct tare_err *err)
{
	int r = check_needs(run, CGROUP_MEMORY, err);

	if (r == 0 && check_layout(run)->controllers[CGROUP_MEMORY].version == 1)
		return err_set(err, ENOTSUP, "cgroup v1 has no memory.high");
	return r;
}

static int memory_high_measure(struct check_run *run, bool limited, struct check_figure *ret,
			       struct tare_err *err)
{
	const struct check_load load = {.load = "mem-fill",
					.params = "size=96M",
					.limits = "memory-high=32M",
					.safety = "memory=192M cpus=0.9"};
	struct check_player *player;
	struct check_turn turn = {0};
	int r = check_start(run, &load, limited, &player, err);

	if (r == 0)
		r = check_play(player, check_time(run, FILL_NS, 2 * NS_PER_S), &turn, err);
	if (r < 0)
		return r;
	/* An operation is a MiB, until all is there. Killed, it has got hold of nothing. */
	if (!turn.ended)
		ret->value = (double)(turn.ops < SIZE_MIB ? turn.ops : SIZE_MIB) / HIGH_MIB;
	ret->n = 1;
	ret->details = json_pack("{s:i, s:b}", "high_mib", HIGH_MIB, "killed", turn.ended);
	return check_stop(player, err);
}

const struct check_ops check_ops_memory_high = {
	.name = "memory-high",
	.summary = "memory that a program got hold of in 3 s, over the mark",
	.claim = "a program that goes beyond the mark is slowed down near it, and lives",
	.limits = "memory-high",
	.unit = "x",
	.low = 0.8,
	.high = 1.5,
	.tolerance = "0.8 to 1.5 times the mark: the delay grows with the square of what is "
		     "beyond it (calculate_high_delay, mm/memcontrol.c)",
	.probe = memory_high_probe,
	.measure = memory_high_measure,
};
