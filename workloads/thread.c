/* SPDX-License-Identifier: MIT */
/* A thread that comes and goes.
 *
 * Not by pthread_create(3): how many calls that makes depends on the C library, on the kernel,
 * and on who runs first. CLONE_VFORK is a join that does not: the thread's maker goes on when
 * the thread is done with the memory that they share. */

#include <sched.h>
#include <stdlib.h>

#include "base/err.h"
#include "workload.h"

#define STACK 16384
#define FLAGS                                                                                      \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_VFORK)

struct thread_load {
	char *stack;
};

static int come_and_go(void *nothing)
{
	(void)nothing;
	return 0;
}

static int thread_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct thread_load *s = state;

	(void)params;
	s->stack = aligned_alloc(16, STACK);
	return s->stack ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int thread_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct thread_load *s = state;

	for (uint64_t i = 0; i < iters; i++)
		if (clone(come_and_go, s->stack + STACK, FLAGS, NULL) < 0)
			return err_errno(err, "clone");
	return 0;
}

static void thread_load_teardown(void *state)
{
	struct thread_load *s = state;

	free(s->stack);
}

const struct workload workload_thread = {
	.name = "thread",
	.summary = "start a thread and wait for its end",
	.op = "clone(2) of a thread, exit(2) by it, and waiting by CLONE_VFORK",
	.groups = "sched",
	.syscalls = (const struct workload_syscall[]){{"clone", 1, NULL},
						      {"exit", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct thread_load),
	.setup = thread_load_setup,
	.run = thread_load_run,
	.teardown = thread_load_teardown,
};
