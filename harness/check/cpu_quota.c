/* SPDX-License-Identifier: MIT */
/* cpu-quota: what a group gets of CPU time is its quota, over quotas, periods and threads.
 *
 * Each point is a burner of its own. The payload reads its own CPU clock at both ends of a turn
 * that is long against the period, after half a second that is not counted: a v1 group starts
 * with a quota in hand. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define SKIP_NS         (500 * NS_PER_MS)
#define LEAST_NS        (1000 * NS_PER_MS)
#define PERIODS         50
#define WINDOW_LEAST    (2 * NS_PER_S)
#define WINDOW_MOST     (15 * NS_PER_S)
/* sched_cfs_bandwidth_slice_us: what a CPU takes of the quota at once (sched-bwc.rst). */
#define SLICE_NS        (5 * NS_PER_MS)
#define TOLERANCE       3.0
/* Others' use of a CPU beside which a group may rightly get less than its quota. */
#define OTHERS_LEAST    0.03
/* Of the periods: in fewer it did not even use what it had. */
#define THROTTLED_LEAST 0.95

extern const struct check_ops check_ops_cpu_quota;

struct point {
	double cpus;
	unsigned int period_ms, threads;
};

/* The first is the worst for who has no limit, who shows himself there. */
static const struct point points[] = {
	{0.1, 100, 1}, {0.1, 10, 1},  {0.25, 100, 2}, {0.25, 10, 1},  {0.5, 100, 1},
	{0.5, 10, 2},  {0.5, 100, 4}, {0.5, 5, 2},    {1.0, 100, 2},  {1.0, 10, 2},
	{1.5, 100, 2}, {1.5, 10, 4},  {0.05, 100, 1}, {0.5, 1000, 2}, {1.0, 5, 4},
};
#define N_POINTS (sizeof(points) / sizeof(points[0]))

struct worst {
	double over, under; /* relative to the quota */
	double raw;         /* the worst, with what slices and edges explain */
	double others;      /* CPUs that others used at the point of `under` */
	bool spare;         /* there it was not throttled in each period: it could have had more */
	unsigned int n;
};

static unsigned int n_cpus(const struct check_run *run)
{
	return (unsigned int)__builtin_popcountll(check_all_cpus(run));
}

static int cpu_quota_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_CPU, err);
}

/* A point whose quota nobody could reach shows nothing; and without a limit only one thread may
 * burn, so that a CPU is left for all others. */
static bool has_sense(const struct check_run *run, const struct point *point, bool limited)
{
	double reach = point->threads < n_cpus(run) ? point->threads : n_cpus(run);

	/* A box that limits by itself need not know the word for the period. */
	if (point->period_ms != 100 && (check_box_limits_itself(run) || !limited))
		return false;
	return point->cpus < reach && (limited || point->threads == 1);
}

static int start(struct check_run *run, const struct point *point, bool limited,
		 struct check_player **ret, struct tare_err *err)
{
	char limits[64], params[64], safety[64];
	const struct check_load load = {
		.load = "cpu-burn", .params = params, .limits = limits, .safety = safety};

	(void)snprintf(params, sizeof(params), "threads=%u ahead=64", point->threads);
	(void)snprintf(limits, sizeof(limits), "cpus=%g cpu-period=%ums", point->cpus,
		       point->period_ms);
	/* Should the box not limit at all, something of the machine is left. */
	(void)snprintf(safety, sizeof(safety), "cpus=%g memory=512M pids-limit=256",
		       n_cpus(run) > 1 ? n_cpus(run) - 0.1 : 0.95);
	return check_start(run, &load, limited, ret, err);
}

/* Periods of our group, and those in which it used its quota up. */
static void read_periods(const struct check_player *player, uint64_t ret[2])
{
	int fd = cgroup_controller_fd(check_cgroup(player), CGROUP_CPU, NULL);

	ret[0] = ret[1] = 0;
	(void)cgfile_read_key(fd, "cpu.stat", "nr_periods", &ret[0], NULL);
	(void)cgfile_read_key(fd, "cpu.stat", "nr_throttled", &ret[1], NULL);
}

static bool has_spare(const uint64_t before[2], const uint64_t after[2])
{
	uint64_t periods = after[0] - before[0], throttled = after[1] - before[1];

	return (double)throttled < THROTTLED_LEAST * (double)periods;
}

static uint64_t window_ns(const struct point *point)
{
	uint64_t ns = (uint64_t)PERIODS * point->period_ms * NS_PER_MS;

	if (ns > WINDOW_MOST)
		return WINDOW_MOST;
	return ns > WINDOW_LEAST ? ns : WINDOW_LEAST;
}

static int play_point(struct check_run *run, const struct point *point, bool limited,
		      struct check_turn *ret, double *ret_others, bool *ret_spare,
		      struct tare_err *err)
{
	struct check_machine before, after;
	uint64_t periods[2][2];
	struct check_player *player;
	int r = start(run, point, limited, &player, err);

	if (r < 0 || (r = check_play(player, SKIP_NS, ret, err)) < 0)
		return r;
	read_periods(player, periods[0]);
	check_machine_read(&before);
	r = check_play(player, limited ? check_time(run, window_ns(point), LEAST_NS) : LEAST_NS,
		       ret, err);
	check_machine_read(&after);
	read_periods(player, periods[1]);
	/* Of a box that limits by itself our group has the safety's quota, which is not used up. */
	*ret_spare = !check_box_limits_itself(run) && has_spare(periods[0], periods[1]);
	if (r == 0 && ret->ended)
		return err_set(err, EIO, "the burner died");
	if (r < 0)
		return r;
	*ret_others = check_others(&before, &after, ret->cpu_ns);
	return check_stop(player, err);
}

/* The error, with what the kernel's slices explain taken away. */
static double error_of(const struct check_run *run, const struct point *point,
		       const struct check_turn *turn)
{
	double quota_ns = point->cpus * (double)turn->ns;
	unsigned int cpus = point->threads < n_cpus(run) ? point->threads : n_cpus(run);
	double slices_ns = (double)cpus * SLICE_NS + point->cpus * point->period_ms * NS_PER_MS;
	double off_ns = (double)turn->cpu_ns - quota_ns;
	double left_ns = fabs(off_ns) > slices_ns ? fabs(off_ns) - slices_ns : 0;

	return copysign(left_ns, off_ns) / quota_ns;
}

static json_t *point_to_json(const struct point *point, const struct check_turn *turn, double error,
			     double others)
{
	return json_pack("{s:o, s:i, s:i, s:o, s:o, s:o, s:o}", "cpus", json_number(point->cpus),
			 "period_ms", (int)point->period_ms, "threads", (int)point->threads, "s",
			 json_number((double)turn->ns / 1e9), "used_cpus",
			 json_number((double)turn->cpu_ns / (double)turn->ns), "error_pct",
			 json_number(error * 100), "others_cpus", json_number(others));
}

static void keep_worst(struct worst *worst, double error, double others, bool spare)
{
	worst->n++;
	if (error > worst->over)
		worst->over = error;
	if (error < worst->under) {
		worst->under = error;
		worst->others = others;
		worst->spare = spare;
	}
}

static int cpu_quota_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	struct worst worst = {0};
	size_t stride = N_POINTS / check_times(run, N_POINTS, 4);
	json_t *curve = json_array();

	ret->details = json_pack("{s:o}", "curve", curve);
	/* A short form takes some of the points; and who ignores limits shows it at the first. */
	for (size_t i = 0; i < N_POINTS && worst.over < 1; i += stride) {
		struct check_turn turn;
		double others, error, raw;
		bool spare;
		int r;

		if (!has_sense(run, &points[i], limited))
			continue;
		r = play_point(run, &points[i], limited, &turn, &others, &spare, err);
		if (r < 0)
			return r;
		error = error_of(run, &points[i], &turn);
		raw = (double)turn.cpu_ns / (points[i].cpus * (double)turn.ns) - 1;
		worst.raw = fabs(raw) > fabs(worst.raw) ? raw : worst.raw;
		keep_worst(&worst, error, others, spare);
		(void)json_array_append_new(curve, point_to_json(&points[i], &turn, error, others));
	}
	(void)json_object_set_new(ret->details, "worst_raw_pct", json_number(100 * worst.raw));
	ret->n = worst.n;
	ret->value = 100 * (worst.over >= -worst.under ? worst.over : worst.under);
	/* More than the quota is the limit's fault, whatever else goes on; less need not be. */
	if (100 * worst.over <= TOLERANCE && worst.others > OTHERS_LEAST)
		(void)snprintf(ret->disturbed, sizeof(ret->disturbed),
			       "it got less than its quota while others had %.2f CPUs",
			       worst.others);
	else if (100 * worst.over <= TOLERANCE && worst.spare)
		(void)snprintf(ret->disturbed, sizeof(ret->disturbed),
			       "it got less than its quota and was not throttled in each period: "
			       "the CPUs did not come");
	return 0;
}

const struct check_ops check_ops_cpu_quota = {
	.name = "cpu-quota",
	.summary = "CPU time over quotas, periods and threads",
	.claim = "a group gets its quota of CPU time in each period, no more and no less",
	.limits = "cpus cpu-period",
	.of_machines = true,
	.unit = "%",
	.low = -TOLERANCE,
	.high = TOLERANCE,
	.tolerance = "worst point within +-3 % of the quota, one slice of 5 ms a CPU and one "
		     "period's quota at the window's edges apart (sched-bwc.rst)",
	.probe = cpu_quota_probe,
	.measure = cpu_quota_measure,
};
