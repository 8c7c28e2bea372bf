/* SPDX-License-Identifier: MIT */
/* The cheapest call that enters the kernel: it reads one number and takes no lock. By the C
 * library's function for any call, or by the bare instruction: where calls are caught by looking
 * at the code around them, the two differ. */

#include <sys/syscall.h>
#include <unistd.h>

#include "param.h"
#include "workload.h"

enum getppid_via { GETPPID_LIBC, GETPPID_INLINE };

struct getppid {
	int via;
};

static int getppid_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct getppid *s = state;

	s->via = param_choice("via", params[0], "libc|inline", err);
	return s->via < 0 ? s->via : 0;
}

static inline void enter(long call)
{
	__asm__ volatile("syscall" : "+a"(call) : : "rcx", "r11", "memory");
}

/* Cannot fail: getppid(2), ERRORS. */
static int getppid_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct getppid *s = state;

	(void)err;
	if (s->via == GETPPID_INLINE) {
		for (uint64_t i = 0; i < iters; i++)
			enter(SYS_getppid);
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		(void)syscall(SYS_getppid);
	return 0;
}

const struct workload workload_getppid = {
	.name = "getppid",
	.summary = "enter the kernel and come back",
	.op = "getppid(2)",
	.groups = "syscall core",
	.params = (const struct workload_param[]){{"via", "how it is entered: libc|inline", "libc"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"getppid", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct getppid),
	.setup = getppid_setup,
	.run = getppid_run,
};
