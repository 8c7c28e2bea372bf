/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box/common/child.h"

/* Everything that has ended; does not come back once the program is among it. */
static void reap_all(pid_t program)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

static _Noreturn void be_init(pid_t program, const sigset_t *all)
{
	/* The streams are the program's: whoever waits for their end must not wait for us. */
	(void)close_range(0, ~0U, 0);
	for (;;) {
		int signal = sigwaitinfo(all, NULL);

		reap_all(program);
		if (signal > 0 && signal != SIGCHLD)
			(void)kill(program, signal);
	}
}

int child_init(bool terminal, struct tare_err *err)
{
	sigset_t all, before;
	pid_t pid;

	/* Before there is a child whose end could be missed. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, "step 'be undumpable'");
	/* The filter refuses clone3, whose flags it cannot see. */
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return err_errno(err, "step 'make the program's process'%s",
				 errno == EAGAIN ? " (a limit of processes counts process 1 too)"
						 : "");
	if (pid > 0)
		be_init(pid, &all);
	/* What the terminal sends must come once, not also by way of process 1. */
	if (terminal && (setpgid(0, 0) < 0 || tcsetpgrp(0, getpid()) < 0))
		return err_errno(err, "step 'take the terminal'");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, "step 'die with process 1'");
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return 0;
}
