/* SPDX-License-Identifier: MIT */
/* memory-min: what a group uses of its protection is never taken away, also when there is nothing
 * else to take. The one beside it fills memory that cannot be taken, there being no swap for it:
 * beside memory.low the group would now lose its own, beside memory.min the filler is killed. */
#include "check/check.h"
#include "check/run/protect.h"

extern const struct check_ops check_ops_memory_min;

static int memory_min_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	const struct check_pressure pressure = {
		.limits = "memory-min=32M",
		.load = "mem-fill",
		.params = "size=56M",
		.ops = 56,
	};

	return check_protect_measure(run, &pressure, limited, ret, err);
}

const struct check_ops check_ops_memory_min = {
	.name = "memory-min",
	.summary = "page cache kept while a group beside it fills memory, over what it had",
	.claim = "a group keeps memory up to memory.min, and rather is the one beside it killed",
	.limits = "memory-min",
	.unit = "x",
	.low = 0.9,
	.high = 1,
	.tolerance = "90 % and more of its 24 MiB, of which 32 are protected (test_memcontrol.c "
		     "lets 26 % be lost)",
	.probe = check_protect_probe,
	.measure = memory_min_measure,
};
