/* SPDX-License-Identifier: MIT */
/* cpu-weight: two groups that want one CPU share it as their weights are. */
#include <math.h>

#include "base/clock.h"
#include "check/check.h"
#include "check/run/contest.h"
#include "check/run/run.h"

#define TURN_NS   (600 * NS_PER_MS)
#define RUNS      16
#define RUNS_MIN  8
#define RATIO     2.0
#define TOLERANCE 0.1

extern const struct check_ops check_ops_cpu_weight;

static int cpu_weight_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_CPU, err);
}

static int start_both(struct check_run *run, bool limited, struct check_player *players[2],
		      struct tare_err *err)
{
	static const char *const shares[2] = {"cpu-shares=1024", "cpu-shares=2048"};
	int version = check_layout(run)->controllers[CGROUP_CPU].version, r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++) {
		const struct check_load load = {.load = "cpu-burn",
						.limits = shares[i],
						.safety = "cpus=0.95 memory=512M pids-limit=256",
						.cpus = check_one_cpu(run),
						.siblings = true};

		r = check_start(run, &load, limited, &players[i], err);
		/* Version 2 takes no two boxes' own groups into one of ours. */
		if (r == 0 && version == 2)
			r = check_refuse_group_below(players[i], err);
	}
	return r;
}

static double log_ratio(const struct check_turn turns[2])
{
	return log((double)turns[1].cpu_ns / (double)turns[0].cpu_ns);
}

static int cpu_weight_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	const struct check_contest contest = {.log_ratio = log_ratio,
					      .duration_ns = TURN_NS,
					      .n = check_times(run, RUNS, RUNS_MIN),
					      .least = RATIO / (1 + TOLERANCE)};
	struct check_player *players[2] = {NULL, NULL};
	int r = start_both(run, limited, players, err);

	return r < 0 ? r : check_contest_play(players, &contest, ret, err);
}

const struct check_ops check_ops_cpu_weight = {
	.name = "cpu-weight",
	.summary = "the ratio of CPU times of two groups 1:2 on one CPU",
	.claim = "two groups that both want a CPU get of it as their weights are to each other",
	.limits = "cpu-shares",
	.of_machines = true,
	.unit = "x",
	.low = RATIO / (1 + TOLERANCE),
	.high = RATIO * (1 + TOLERANCE),
	.tolerance = "95 % interval of the ratio within 10 % of 2 (equivalence; upstream's "
		     "test_cpu.c allows 35 % of the sum)",
	.probe = cpu_weight_probe,
	.measure = cpu_weight_measure,
};
