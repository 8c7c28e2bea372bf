/* SPDX-License-Identifier: MIT */
/* A child that ends at once. fork copies the address space, vfork borrows it, clone3 is the call
 * whose arguments no filter of system calls can see, and that can name the child's cgroup. */

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "owngroup.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

enum forkwait_by { FORKWAIT_FORK, FORKWAIT_VFORK, FORKWAIT_CLONE3, FORKWAIT_CGROUP };

struct forkwait {
	int by;
	int group_fd; /* where children are born; 0: nothing is said of it */
};

/* By the bare call: a C library's fork(3) makes further ones in the child. */
static pid_t fork_child(void)
{
	pid_t pid = (pid_t)syscall(SYS_fork);

	if (pid == 0)
		_exit(0);
	return pid;
}

/* Not inlined: a child of vfork(2) may spoil the registers of the function that called it. */
static __attribute__((noinline)) pid_t vfork_child(void)
{
	pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (pid == 0)
		_exit(0);
	return pid;
}

static pid_t clone3_child(int group_fd)
{
	struct clone_args args = {.exit_signal = SIGCHLD,
				  .flags = group_fd ? CLONE_INTO_CGROUP : 0,
				  .cgroup = (uint64_t)group_fd};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid;
}

static int reap(pid_t pid, const char *call, struct tare_err *err)
{
	int status;

	if (pid < 0)
		return refusal_errno(err, call);
	if (wait4(pid, &status, 0, NULL) < 0)
		return err_errno(err, "wait4");
	if (status != 0)
		return err_set(err, ECHILD, "the child ended with wait status 0x%x",
			       (unsigned int)status);
	return 0;
}

static int forkwait_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct forkwait *s = state;
	int r = 0;

	if (s->by == FORKWAIT_FORK)
		for (uint64_t i = 0; i < iters && r == 0; i++)
			r = reap(fork_child(), "fork", err);
	else if (s->by == FORKWAIT_VFORK)
		for (uint64_t i = 0; i < iters && r == 0; i++)
			r = reap(vfork_child(), "vfork", err);
	else
		for (uint64_t i = 0; i < iters && r == 0; i++)
			r = reap(clone3_child(s->group_fd), "clone3", err);
	return r;
}

static int forkwait_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct forkwait *s = state;

	s->by = param_choice("by", params[0], "fork|vfork|clone3|cgroup", err);
	if (s->by < 0)
		return s->by;
	if (s->by == FORKWAIT_CGROUP) {
		int fd = owngroup_open(err);

		if (fd < 0)
			return fd;
		s->group_fd = fd;
	}
	return forkwait_run(s, 1, err); /* whether it may be called here */
}

static void forkwait_teardown(void *state)
{
	const struct forkwait *s = state;

	if (s->group_fd > 0)
		(void)close(s->group_fd);
}

const struct workload workload_forkwait = {
	.name = "forkwait",
	.summary = "start a child that ends at once, and wait for its end",
	.op = "fork(2), vfork(2) or clone3(2), exit_group(2) by the child, and wait4(2)",
	.groups = "sched",
	.params =
		(const struct workload_param[]){
			{"by", "fork|vfork|clone3|cgroup: clone3 into the own group", "fork"},
			{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"fork", 1, "by=fork"},
						      {"vfork", 1, "by=vfork"},
						      {"clone3", 1, "by=clone3"},
						      {"clone3", 1, "by=cgroup"},
						      {"exit_group", 1, NULL},
						      {"wait4", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct forkwait),
	.setup = forkwait_setup,
	.run = forkwait_run,
	.teardown = forkwait_teardown,
};
