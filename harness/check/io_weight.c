/* SPDX-License-Identifier: MIT */
/* io-weight: two groups that both want a disk share it as their weights are. */
#include <math.h>

#include "base/clock.h"
#include "base/err.h"
#include "check/check.h"
#include "check/run/contest.h"
#include "check/run/run.h"
#include "check/run/share.h"

#define BLOCK     65536
#define TURN_NS   (600 * NS_PER_MS)
#define RUNS      16
#define RUNS_MIN  8
#define RATIO     2.0
#define TOLERANCE 0.1

extern const struct check_ops check_ops_io_weight;

static int start_both(struct check_run *run, bool limited, struct check_player *players[2],
		      struct tare_err *err)
{
	/* As tare reckons docker's weights for version 2, 190 is twice as much as 100 there. */
	static const char *const weights[2][2] = {{"blkio-weight=100", "blkio-weight=200"},
						  {"blkio-weight=100", "blkio-weight=190"}};
	int version = check_layout(run)->controllers[CGROUP_IO].version, r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++) {
		const struct check_load load = {.load = "io-stream",
						.params = "rw=read direct=on block=64K",
						.limits = weights[version == 2][i],
						.safety = "cpus=0.45 memory=128M"};

		r = check_start(run, &load, limited, &players[i], err);
		if (r == 0 && version == 2)
			r = check_refuse_group_below(players[i], err);
	}
	return r;
}

static double log_ratio(const struct check_turn turns[2])
{
	return log((double)turns[1].ops / (double)turns[1].ns) -
	       log((double)turns[0].ops / (double)turns[0].ns);
}

static int io_weight_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	struct check_contest contest = {.log_ratio = log_ratio,
					.duration_ns = TURN_NS,
					.n = check_times(run, RUNS, RUNS_MIN),
					.least = RATIO / (1 + TOLERANCE)};
	struct check_player *players[2] = {NULL, NULL};
	struct check_share *share = NULL;
	int r = check_share_open(run, &share, err), q;

	if (r >= 0)
		r = start_both(run, limited, players, err);
	if (r == 0) {
		contest.full_ops = check_share_reads(share, BLOCK);
		r = check_contest_play(players, &contest, ret, err);
	}
	q = check_share_close(share, err);
	return r < 0 ? r : q;
}

const struct check_ops check_ops_io_weight = {
	.name = "io-weight",
	.summary = "the ratio of reads of two groups 1:2 on one disk",
	.claim = "two groups that both want a disk get of it as their weights are to each other",
	.limits = "blkio-weight",
	.unit = "x",
	.low = RATIO / (1 + TOLERANCE),
	.high = RATIO * (1 + TOLERANCE),
	.tolerance = "95 % interval of the ratio within 10 % of 2 (equivalence; resctl-bench lets "
		     "10 % of isolation be lost)",
	.probe = check_share_probe,
	.measure = io_weight_measure,
};
