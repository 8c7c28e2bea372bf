/* SPDX-License-Identifier: MIT */
/* Reading the clock: through the vDSO, where the kernel's clock source allows it without a
 * system call, or always with one. */

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "workload.h"

struct clock_load {
	int by_syscall;
};

static int clock_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct clock_load *s = state;

	s->by_syscall = param_choice("via", params[0], "vdso|syscall", err);
	return s->by_syscall < 0 ? s->by_syscall : 0;
}

static int clock_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct clock_load *s = state;
	struct timespec t;

	if (s->by_syscall) {
		for (uint64_t i = 0; i < iters; i++)
			if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) < 0)
				return err_errno(err, "clock_gettime");
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
			return err_errno(err, "clock_gettime");
	return 0;
}

const struct workload workload_clock = {
	.name = "clock",
	.summary = "read the monotonic clock",
	.op = "clock_gettime(CLOCK_MONOTONIC)",
	.groups = "syscall core",
	.params = (const struct workload_param[]){{"via", "how it is read: vdso|syscall", "vdso"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"clock_gettime", 1, "via=syscall"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct clock_load),
	.setup = clock_load_setup,
	.run = clock_load_run,
};
