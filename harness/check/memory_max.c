/* SPDX-License-Identifier: MIT */
/* memory-max: who needs less than the limit lives, who needs more is killed.
 *
 * The distance leaves room for the program itself and for the charges of page tables and stacks. */
#include "check/check.h"
#include "check/run/fates.h"
#include "check/run/run.h"

extern const struct check_ops check_ops_memory_max;

static int memory_max_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_MEMORY, err);
}

static int memory_max_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	const struct check_fates fates = {
		.limits = "memory=64M",
		.safety = "memory=512M cpus=0.9",
		.limit_mib = 64,
		.below_mib = 56,
		.above_mib = 68,
	};

	return check_fates_measure(run, &fates, limited, ret, err);
}

const struct check_ops check_ops_memory_max = {
	.name = "memory-max",
	.summary = "wrong fates of a program that needs less than the limit, and of one with more",
	.claim = "a program that needs less than the limit lives, and one that needs more is "
		 "killed",
	.limits = "memory",
	.unit = "wrong",
	.low = 0,
	.high = 0,
	.tolerance = "0 wrong at 56 and 68 MiB around 64 MiB: nearer than the 100 MiB around 30 "
		     "of the kernel's own test (test_memcontrol.c)",
	.probe = memory_max_probe,
	.measure = memory_max_measure,
};
