/* SPDX-License-Identifier: MIT */
/* cpu-burst: what a group did not use of its quota it may use later, up to the burst.
 *
 * A turn of one period's length after an idle time: the group has a quota in hand, and the burst,
 * and meets one refill, wherever in the period it begins. Throttled at the turn's end it ends it
 * with the next refill, of which it uses nothing. So two quotas taken away the burst is left. */
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "stats/location.h"

#define PERIOD_NS  (100 * NS_PER_MS)
#define QUOTA_NS   (25 * NS_PER_MS) /* "cpus=0.25" */
#define BURST_NS   (25 * NS_PER_MS) /* "cpu-burst=25ms" */
#define IDLE_NS    (350 * NS_PER_MS)
#define STEADY     5 /* periods */
#define BURST_LOW  0.75
#define BURST_HIGH 1.25
#define RUNS       20
#define RUNS_MIN   7

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

/* CPU time over two quotas, in bursts. */
static int play_once(struct check_player *player, double *ret, uint64_t *ret_cpu_ns,
		     struct tare_err *err)
{
	struct check_turn turn;
	int r;

	idle();
	r = check_play(player, PERIOD_NS, &turn, err);
	if (r == 0 && turn.ended)
		return err_set(err, EIO, "the burner died");
	if (r < 0)
		return r;
	*ret = ((double)turn.cpu_ns - 2 * (double)QUOTA_NS) / (double)BURST_NS;
	*ret_cpu_ns = turn.cpu_ns;
	return 0;
}

static int cpu_burst_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	const struct check_load load = {.load = "cpu-burn",
					.given = "cpus=0.25",
					.limits = "cpu-burst=25ms",
					.safety = "cpus=0.95 memory=512M pids-limit=256",
					.cpus = check_one_cpu(run)};
	unsigned int n = check_times(run, RUNS, RUNS_MIN);
	cleanup_free double *bursts = calloc(n, sizeof(*bursts));
	struct check_machine before = {0}, after;
	json_t *list = json_array();
	uint64_t used_ns = 0;
	struct check_player *player = NULL;
	struct location location = {0};
	int r = bursts ? check_start(run, &load, limited, &player, err) : -ENOMEM;

	ret->details = json_pack("{s:o}", "after_idle_cpu_ns", list);
	/* A new group has not saved up yet. */
	if (r == 0) {
		r = play_once(player, &bursts[0], &used_ns, err);
		used_ns = 0;
	}
	check_machine_read(&before);
	for (unsigned int i = 0; i < n && r == 0; i++) {
		uint64_t cpu_ns = 0;

		r = play_once(player, &bursts[i], &cpu_ns, err);
		(void)json_array_append_new(list, json_u64(cpu_ns));
		used_ns += cpu_ns;
	}
	check_machine_read(&after);
	if (r == 0)
		r = location_of(bursts, n, &location, err);
	if (r < 0)
		return r;
	ret->n = n;
	ret->value = location.estimate;
	ret->low = location.low;
	ret->high = location.high;
	/* Without the limit there is no burst, whatever others do. */
	if (limited && ret->low < BURST_LOW)
		check_disturbed(&before, &after, used_ns, ret);
	return 0;
}

const struct check_ops check_ops_cpu_burst = {
	.name = "cpu-burst",
	.summary = "CPU time after an idle time, over the quota, in bursts",
	.claim = "after an idle time a group gets its burst on top of its quota, and no more",
	.limits = "cpu-burst",
	.of_machines = true,
	.unit = "x",
	.low = BURST_LOW,
	.high = BURST_HIGH,
	.tolerance = "95 % interval within a burst +-25 %: a slice of 5 ms is a fifth of the "
		     "burst of 25 ms (sched-bwc.rst)",
	.probe = cpu_burst_probe,
	.measure = cpu_burst_measure,
};
