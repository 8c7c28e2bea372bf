/* SPDX-License-Identifier: MIT */
/* memory-max: who needs less than the limit lives, who needs more is killed.
 *
 * The dead tell nothing: what they reached is asked by two sizes around the limit instead. The
 * distance leaves room for the program itself and for the charges of page tables and stacks. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define LIMIT_MIB 64
#define EXIT_MS   5000
#define BELOW_MIB 56
#define ABOVE_MIB 68
#define FILL_NS   (1500 * NS_PER_MS)

extern const struct check_ops check_ops_memory_max;

static int memory_max_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_MEMORY, err);
}

/* It died of SIGKILL, or its runtime says so, and of nothing else. */
static int check_death(struct check_player *player, struct tare_err *err)
{
	int status = 0;
	int r = check_wait_exit(player, EXIT_MS, &status, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ETIMEDOUT, "the dead program's box did not end");
	if (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
				: WEXITSTATUS(status) == 128 + SIGKILL)
		return 0;
	return err_set(err, EIO, "the program ended with status 0x%x, and was not killed", status);
}

/* Whether a program that fills so much lives to hold it. */
static int outlives(struct check_run *run, bool limited, int mib, bool *ret, struct tare_err *err)
{
	char params[32], limits[32];
	const struct check_load load = {.load = "mem-fill",
					.params = params,
					.limits = limits,
					.safety = "memory=512M cpus=0.9"};
	struct check_player *player;
	struct check_turn turn = {0};
	int r;

	(void)snprintf(params, sizeof(params), "size=%dM", mib);
	(void)snprintf(limits, sizeof(limits), "memory=%dM", LIMIT_MIB);
	r = check_start(run, &load, limited, &player, err);
	if (r == 0)
		r = check_play(player, FILL_NS, &turn, err);
	if (r == 0 && !turn.ended && turn.ops < (uint64_t)mib)
		r = err_set(err, ETIMEDOUT, "%d MiB were not filled in time", mib);
	if (r < 0)
		return r;
	*ret = !turn.ended;
	if (turn.ended && (r = check_death(player, err)) < 0)
		return r;
	return check_stop(player, err);
}

static int memory_max_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	bool below = false, above = false;
	int r = outlives(run, limited, BELOW_MIB, &below, err);

	if (r == 0)
		r = outlives(run, limited, ABOVE_MIB, &above, err);
	if (r < 0)
		return r;
	ret->value = (below ? 0 : 1) + (above ? 1 : 0);
	ret->n = 2;
	ret->details = json_pack("{s:i, s:i, s:b, s:i, s:b}", "limit_mib", LIMIT_MIB, "below_mib",
				 BELOW_MIB, "below_lives", below, "above_mib", ABOVE_MIB,
				 "above_lives", above);
	return 0;
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
