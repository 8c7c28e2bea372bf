/* SPDX-License-Identifier: MIT */
/* memory-low: what a group uses of its protection is not taken away as long as there is something
 * else to take. The one beside it streams a file through its page cache, of which there is always
 * some to be had. */
#include "check/check.h"
#include "check/run/protect.h"

extern const struct check_ops check_ops_memory_low;

static int memory_low_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	const struct check_pressure pressure = {
		.limits = "memory-reservation=32M",
		.load = "io-stream",
		.params = "rw=read direct=off block=1M size=96M",
		.ops = 96,
	};

	return check_protect_measure(run, &pressure, limited, ret, err);
}

const struct check_ops check_ops_memory_low = {
	.name = "memory-low",
	.summary = "page cache kept while a group beside it streams a file, over what it had",
	.claim = "a group keeps memory up to memory.low while one beside it has some that can be "
		 "taken",
	.limits = "memory-reservation",
	.unit = "x",
	.low = 0.9,
	.high = 1,
	.tolerance = "90 % and more of its 24 MiB, of which 32 are protected (test_memcontrol.c "
		     "lets 26 % be lost)",
	.probe = check_protect_probe,
	.measure = memory_low_measure,
};
