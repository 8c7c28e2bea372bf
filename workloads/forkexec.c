/* SPDX-License-Identifier: MIT */
/* A new process with a new program, until it has ended. The program is this one, static, with
 * an argument that ends it at once; it gets no environment, so that it is the same everywhere. */

#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "reexec.h"
#include "workload.h"

#define SELF "/proc/self/exe"

static char name[] = "tare-load", argument[] = REEXEC_EXIT;
static char *const child_argv[] = {name, argument, NULL};
static char *const child_envp[] = {NULL};

static int forkexec_setup(void *state, const char *const *params, struct tare_err *err)
{
	(void)state;
	(void)params;
	if (access(SELF, X_OK) < 0)
		return err_errno(err, "find '" SELF "' (is /proc mounted?)");
	return 0;
}

/* Not inlined: a child of vfork(2) may spoil the registers of the function that called it. */
static __attribute__((noinline)) int fork_one(struct tare_err *err)
{
	/* The one way to a child that copies no page tables; it does nothing but execve. */
	pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	int status;

	if (pid == 0) {
		(void)execve(SELF, child_argv, child_envp);
		_exit(127);
	}
	if (pid < 0)
		return err_errno(err, "vfork");
	if (wait4(pid, &status, 0, NULL) < 0)
		return err_errno(err, "wait4");
	if (status != 0)
		return err_set(err, ENOEXEC, "the child ended with wait status 0x%x",
			       (unsigned int)status);
	return 0;
}

static int forkexec_run(void *state, uint64_t iters, struct tare_err *err)
{
	int r = 0;

	(void)state;
	for (uint64_t i = 0; i < iters && r == 0; i++)
		r = fork_one(err);
	return r;
}

const struct workload workload_forkexec = {
	.name = "forkexec",
	.summary = "start a static program and wait for its end",
	.op = "vfork(2), execve(2) of tare-load itself, exit_group(2) and wait4(2)",
	.groups = "sched core",
	.syscalls = (const struct workload_syscall[]){{"vfork", 1, NULL},
						      {"execve", 1, NULL},
						      {"exit_group", 1, NULL},
						      {"wait4", 1, NULL},
						      {NULL, 0, NULL}},
	.setup = forkexec_setup,
	.run = forkexec_run,
};
