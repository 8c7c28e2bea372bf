/* SPDX-License-Identifier: MIT */
/* cpu-weight: two groups that want one CPU share it as their weights are. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "stats/location.h"

#define TURN_NS     (600 * NS_PER_MS)
#define RUNS        16
#define RUNS_MIN    8
#define RATIO       2.0
#define TOLERANCE   0.1
#define PATIENCE_MS 60000

extern const struct check_ops check_ops_cpu_weight;

static int cpu_weight_probe(struct check_run *run, struct tare_err *err)
{
	if (check_box_limits_itself(run) && check_layout(run)->controllers[CGROUP_CPU].version == 2)
		return err_set(err, ENOTSUP,
			       "cgroup v2 takes no two boxes with groups of their own into one "
			       "group of ours");
	return check_needs(run, CGROUP_CPU, err);
}

static int start_both(struct check_run *run, bool limited, struct check_player *players[2],
		      struct tare_err *err)
{
	static const char *const shares[2] = {"cpu-shares=1024", "cpu-shares=2048"};
	int r = 0;

	for (size_t i = 0; i < 2 && r == 0; i++) {
		const struct check_load load = {.load = "cpu-burn",
						.limits = shares[i],
						.safety = "cpus=0.95 memory=512M pids-limit=256",
						.cpus = check_one_cpu(run),
						.siblings = true};

		r = check_start(run, &load, limited, &players[i], err);
	}
	return r;
}

/* Both at once; how much more CPU time the second got, as a logarithm. */
static int play_both(struct check_player *players[2], uint64_t ns, double *ret_log_ratio,
		     struct tare_err *err)
{
	struct check_turn turns[2];
	int r;

	for (size_t i = 0; i < 2; i++)
		if ((r = check_begin(players[i], ns, err)) < 0)
			return r;
	for (size_t i = 0; i < 2; i++) {
		r = check_end(players[i], PATIENCE_MS, &turns[i], err);
		if (r < 0)
			return r;
		if (r == 0 || turns[i].ended || turns[i].cpu_ns == 0)
			return err_set(err, EIO, "a burner did not end its turn");
	}
	*ret_log_ratio = log((double)turns[1].cpu_ns / (double)turns[0].cpu_ns);
	return 0;
}

static int cpu_weight_measure(struct check_run *run, bool limited, struct check_figure *ret,
			      struct tare_err *err)
{
	unsigned int n = check_times(run, RUNS, RUNS_MIN);
	cleanup_free double *ratios = calloc(n, sizeof(*ratios));
	struct check_player *players[2] = {NULL, NULL};
	struct location location = {0};
	json_t *list = json_array();
	int r = ratios ? start_both(run, limited, players, err) : -ENOMEM;

	ret->details = json_pack("{s:o}", "ratios", list);
	for (unsigned int i = 0; i < n && r == 0; i++) {
		r = play_both(players, TURN_NS, &ratios[i], err);
		(void)json_array_append_new(list, json_number(exp(ratios[i])));
	}
	if (r == 0)
		r = location_of(ratios, n, &location, err);
	if (r < 0)
		return r;
	ret->n = n;
	ret->value = exp(location.estimate);
	ret->low = exp(location.low);
	ret->high = exp(location.high);
	return 0;
}

const struct check_ops check_ops_cpu_weight = {
	.name = "cpu-weight",
	.summary = "the ratio of CPU times of two groups 1:2 on one CPU",
	.claim = "two groups that both want a CPU get of it as their weights are to each other",
	.limits = "cpu-shares",
	.unit = "x",
	.low = RATIO / (1 + TOLERANCE),
	.high = RATIO * (1 + TOLERANCE),
	.tolerance = "95 % interval of the ratio within 10 % of 2 (equivalence; upstream's "
		     "test_cpu.c allows 35 % of the sum)",
	.probe = cpu_weight_probe,
	.measure = cpu_weight_measure,
};
