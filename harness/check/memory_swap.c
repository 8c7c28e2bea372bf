/* SPDX-License-Identifier: MIT */
/* memory-swap: of memory and swap together a program gets so much, and is killed for more.
 *
 * Both measurements have the same limit of memory, which neither program fits; without the limit
 * under test there is swap for both. A machine that has no swap of its own gets some where it is
 * ours: version 1 counts both together and version 2 the swap alone, but either needs some. */
#include "base/err.h"
#include "check/check.h"
#include "check/run/fates.h"
#include "check/run/run.h"
#include "check/run/swap.h"

/* A page that is in memory again may keep its place in the area: so whoever is to live finds room
 * for all of his pages there. */
#define AREA_BYTES (176ULL << 20)
#define NEED_BYTES (128ULL << 20)

extern const struct check_ops check_ops_memory_swap;

static int memory_swap_probe(struct check_run *run, struct tare_err *err)
{
	int r = check_needs(run, CGROUP_MEMORY, err);

	if (r == 0 && !check_kernel_is_ours(run) && check_swap_free_bytes() < NEED_BYTES)
		return err_set(err, ENOTSUP,
			       "this machine has no swap, and its swap is not ours to turn on: "
			       "without any, memory is all that a limit of both can hold");
	return r;
}

static int memory_swap_measure(struct check_run *run, bool limited, struct check_figure *ret,
			       struct tare_err *err)
{
	const struct check_fates fates = {
		.limits = "memory-swap=96M",
		.given = "memory=32M memory-swap=192M",
		/* Memory alone would leave no swap to a box's group below ours on version 2: these
		 * are the 160 MiB of it that `given` comes to. */
		.safety = "memory=160M memory-swap=320M cpus=0.9",
		.limit_mib = 96,
		.below_mib = 56,
		.above_mib = 112,
		/* A slow area is given up by the kernel before it is full. */
		.events = "memory.swap.events",
	};
	struct check_swap *swap = NULL;
	int r = 0, q;

	if (check_swap_free_bytes() < NEED_BYTES)
		r = check_swap_open(run, AREA_BYTES, &swap, err);
	if (r == 0)
		r = check_fates_measure(run, &fates, limited, ret, err);
	q = check_swap_close(swap, err);
	return r < 0 ? r : q;
}

const struct check_ops check_ops_memory_swap = {
	.name = "memory-swap",
	.summary = "wrong fates of a program that fits memory and swap, and of one that does not",
	.claim = "who needs more than his memory goes on in swap up to the limit, and is killed "
		 "beyond it",
	.limits = "memory-swap",
	.unit = "wrong",
	.low = 0,
	.high = 0,
	.tolerance = "0 wrong at 56 and 112 MiB around 96 MiB, of which 32 are memory "
		     "(test_memcontrol.c: 50 MiB below 60)",
	.probe = memory_swap_probe,
	.measure = memory_swap_measure,
};
