/* SPDX-License-Identifier: MIT */
/* The cheapest call that enters the kernel: it reads one number and takes no lock. */

#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static int getppid_setup(void *state, const char *const *params, struct tare_err *err)
{
	(void)state;
	(void)params;
	(void)err;
	return 0;
}

/* Cannot fail: getppid(2), ERRORS. */
static int getppid_run(void *state, uint64_t iters, struct tare_err *err)
{
	(void)state;
	(void)err;
	for (uint64_t i = 0; i < iters; i++)
		(void)syscall(SYS_getppid);
	return 0;
}

static void getppid_teardown(void *state)
{
	(void)state;
}

const struct workload workload_getppid = {
	.name = "getppid",
	.summary = "enter the kernel and come back",
	.op = "getppid(2)",
	.groups = "syscall",
	.syscalls = (const struct workload_syscall[]){{"getppid", 1, NULL}, {NULL, 0, NULL}},
	.setup = getppid_setup,
	.run = getppid_run,
	.teardown = getppid_teardown,
};
