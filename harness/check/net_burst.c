/* SPDX-License-Identifier: MIT */
/* net-burst: after a time without traffic a bucket's worth goes through at once, then no more than
 * the rate, and after another such time a bucket's worth again.
 *
 * The rate is low enough for the bucket to last an eighth of a second: at net-rate's it would be
 * over before a busy machine lets anybody look. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"
#include "kernel/net.h"

#define RATE_BITS  8000000
#define RATE_LIMIT "net-rate=8mbit"
/* The bucket is full again after 131 ms; what lies before the shaper has to be through first. */
#define IDLE_NS    (500 * NS_PER_MS)
#define LOW        0.75
#define HIGH       1.25

extern const struct check_ops check_ops_net_burst;

static int net_burst_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs_network(run, err);
}

/* Burst, rate, idle, burst: what each step let through, over what it was to. */
static int take_steps(const struct play_result *result, json_t *details,
		      struct check_figure *figure, struct tare_err *err)
{
	static const char *const steps[] = {"first_burst", "first_rate", "last_burst", "last_rate"};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		double whole = i % 2 ? RATE_BITS / 8.0 : net_bucket_bytes(RATE_BITS);
		struct check_figure step = {.n = 1};
		int r = check_figure_of(result, steps[i], &step.value, err);

		if (r < 0)
			return r;
		step.value /= whole;
		check_keep_worst(LOW, HIGH, &step, figure);
		(void)json_object_set_new(details, steps[i], json_number(step.value));
	}
	return 0;
}

static int play_steps(struct check_player *player, uint64_t *ret_cpu_ns, struct tare_err *err)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	struct check_turn turn;
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		(void)nanosleep(&idle, NULL);
		/* The shortest turn there is is one operation. */
		r = check_play(player, 1, &turn, err);
		*ret_cpu_ns += turn.cpu_ns;
	}
	return r;
}

static int stream(struct check_run *run, bool limited, const char *way, struct check_figure *ret,
		  struct tare_err *err)
{
	char params[32];
	const struct check_load load = {.load = "net-burst",
					.params = params,
					.limits = RATE_LIMIT,
					.safety = "memory=256M cpus=0.9"};
	struct check_machine before, after;
	struct check_figure one = {0};
	struct check_player *player;
	struct play_result result;
	json_t *details = json_object();
	uint64_t cpu_ns = 0;
	int r;

	(void)json_object_set_new(ret->details, way, details);
	(void)snprintf(params, sizeof(params), "way=%s", way);
	r = check_start(run, &load, limited, &player, err);
	check_machine_read(&before);
	if (r < 0 || (r = play_steps(player, &cpu_ns, err)) < 0)
		return r;
	check_machine_read(&after);
	if ((r = check_finish(player, &result, err)) < 0 ||
	    (r = take_steps(&result, details, &one, err)) < 0)
		return r;
	if (one.value < LOW)
		check_disturbed(&before, &after, cpu_ns, &one);
	check_keep_worst(LOW, HIGH, &one, ret);
	return check_stop(player, err);
}

static int net_burst_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	int r;

	ret->details = json_pack("{s:i, s:i}", "bits_per_s", RATE_BITS, "bucket_bytes",
				 net_bucket_bytes(RATE_BITS));
	r = stream(run, limited, "send", ret, err);
	if (r == 0)
		r = stream(run, limited, "receive", ret, err);
	return r;
}

const struct check_ops check_ops_net_burst = {
	.name = "net-burst",
	.summary =
		"the worst of a burst, the rate behind it and the next burst, over what it may be",
	.claim = "after a pause a bucket goes through at once, then the rate, after the next one "
		 "again",
	.limits = "net-rate",
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance =
		"25 % of the bucket of 128 KiB, of which a packet as large as the buffers is an "
		"eighth, and of the rate",
	.on_device = RATE_LIMIT,
	.probe = net_burst_probe,
	.measure = net_burst_measure,
};
