/* SPDX-License-Identifier: MIT */
/* cpu-burst: what a group did not use of its quota it may use later, up to the burst.
 *
 * A window of one period's length holds one refill, wherever it begins. Burning without a pause,
 * a group gets one quota in it; after an idle time the quota in hand on top, and the burst. What
 * is left when both quotas are taken away is the burst. */
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "stats/location.h"

#define PERIOD_NS (100 * NS_PER_MS)
#define QUOTA_NS  (20 * NS_PER_MS) /* "cpus=0.2" */
#define BURST_NS  (20 * NS_PER_MS) /* "cpu-burst=20ms" */
#define IDLE_NS   (350 * NS_PER_MS)
#define STEADY    5 /* periods */
#define RUNS      20
#define RUNS_MIN  6

extern const struct check_ops check_ops_cpu_burst;

static int cpu_burst_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_CPU, err);
}

static void idle(void)
{
	const struct timespec t = {.tv_nsec = IDLE_NS};

	(void)nanosleep(&t, NULL);
}

/* CPU time over that of a steady window, in bursts. */
static int play_once(struct check_player *player, double *ret, struct check_turn turns[2],
		     struct tare_err *err)
{
	int r;

	idle();
	if ((r = check_play(player, PERIOD_NS, &turns[0], err)) < 0 ||
	    (r = check_play(player, STEADY * PERIOD_NS, &turns[1], err)) < 0)
		return r;
	if (turns[0].ended || turns[1].ended || turns[0].ns == 0 || turns[1].ns == 0)
		return err_set(err, EIO, "the burner died");
	*ret = ((double)turns[0].cpu_ns -
		(double)turns[1].cpu_ns * (double)turns[0].ns / (double)turns[1].ns -
		(double)QUOTA_NS) /
	       (double)BURST_NS;
	return 0;
}

static int cpu_burst_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	const struct check_load load = {.load = "cpu-burn",
					.given = "cpus=0.2",
					.limits = "cpu-burst=20ms",
					.safety = "cpus=0.95 memory=512M pids-limit=256",
					.cpus = check_one_cpu(run)};
	unsigned int n = check_times(run, RUNS, RUNS_MIN);
	cleanup_free double *bursts = calloc(n, sizeof(*bursts));
	json_t *after = json_array(), *steady = json_array();
	struct check_player *player;
	struct location location;
	int r = bursts ? check_start(run, &load, limited, &player, err) : -ENOMEM;

	ret->details = json_pack("{s:o, s:o}", "after_idle_cpu_ns", after, "steady_cpu_ns", steady);
	for (unsigned int i = 0; i < n && r == 0; i++) {
		struct check_turn turns[2] = {{0}, {0}};

		r = play_once(player, &bursts[i], turns, err);
		(void)json_array_append_new(after, json_u64(turns[0].cpu_ns));
		(void)json_array_append_new(steady, json_u64(turns[1].cpu_ns));
	}
	if (r == 0)
		r = location_of(bursts, n, &location, err);
	if (r < 0)
		return r;
	ret->n = n;
	ret->value = location.estimate;
	ret->low = location.low;
	ret->high = location.high;
	return 0;
}

const struct check_ops check_ops_cpu_burst = {
	.name = "cpu-burst",
	.summary = "CPU time after an idle time, over the quota, in bursts",
	.claim = "after an idle time a group gets its burst on top of its quota, and no more",
	.limits = "cpu-burst",
	.unit = "x",
	.low = 0.6,
	.high = 1.3,
	.tolerance = "95 % interval within 0.6 and 1.3 bursts: one slice of 5 ms is a quarter of "
		     "the burst of 20 ms (sched-bwc.rst)",
	.probe = cpu_burst_probe,
	.measure = cpu_burst_measure,
};
