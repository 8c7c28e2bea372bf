/* SPDX-License-Identifier: MIT */
/* Giving up the CPU: the scheduler's way through where nobody else wants it, a switch where other
 * threads give it up in turn. */

#include <sched.h>

#include "base/err.h"
#include "base/units.h"
#include "company.h"
#include "workload.h"

static void give_way(void)
{
	(void)sched_yield();
}

static int yield_setup(void *state, const char *const *params, struct tare_err *err)
{
	uint64_t tasks;
	int r = units_parse_count("tasks", params[0], 1, COMPANY_MAX + 1, &tasks, err);

	return r < 0 ? r : company_start(state, (unsigned int)tasks - 1, false, give_way, err);
}

static int yield_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct company *company = state;
	int r = 0;

	company_begin(company);
	for (uint64_t i = 0; i < iters && r == 0; i++)
		r = sched_yield();
	company_end(company);
	return r < 0 ? err_errno(err, "sched_yield") : 0;
}

static void yield_teardown(void *state)
{
	company_stop(state);
}

const struct workload workload_yield = {
	.name = "yield",
	.summary = "offer the CPU to others",
	.op = "sched_yield(2); with others, what they do until it comes back",
	.groups = "sched",
	.params = (const struct workload_param[]){{"tasks",
						   "threads that yield on this CPU: 1 to 9", "1"},
						  {NULL, NULL, NULL}},
	.syscalls =
		(const struct workload_syscall[]){{"sched_yield", 1, "tasks=1"}, {NULL, 0, NULL}},
	.state_size = sizeof(struct company),
	.setup = yield_setup,
	.run = yield_run,
	.teardown = yield_teardown,
};
