/* SPDX-License-Identifier: MIT */
/* A short sleep: what it takes beyond the time asked for is timers, wake-up, and in a guest the
 * way in and out. Latency mode shows how it is spread. */

#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "workload.h"

struct sleepjit {
	struct timespec time;
};

static int sleepjit_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct sleepjit *s = state;
	uint64_t ns;
	int r = units_parse_time("time", params[0], &ns, err);

	if (r < 0)
		return r;
	if (ns > NS_PER_S)
		return err_set(err, EINVAL, "time: %.40s is more than 1s", params[0]);
	s->time = (struct timespec){.tv_nsec = (long)(ns % NS_PER_S),
				    .tv_sec = (time_t)(ns / NS_PER_S)};
	return 0;
}

static int sleepjit_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct sleepjit *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &s->time, NULL);
		if (errno)
			return err_errno(err, "clock_nanosleep");
	}
	return 0;
}

const struct workload workload_sleepjit = {
	.name = "sleepjit",
	.summary = "sleep for a short time",
	.op = "clock_nanosleep(2)",
	.groups = "sched",
	.params = (const struct workload_param[]){{"time", "how long, at most 1s", "50us"},
						  {NULL, NULL, NULL}},
	.syscalls =
		(const struct workload_syscall[]){{"clock_nanosleep", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct sleepjit),
	.setup = sleepjit_setup,
	.run = sleepjit_run,
};
