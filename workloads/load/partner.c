/* SPDX-License-Identifier: MIT */
#include "partner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

/* The parent may have died before PR_SET_PDEATHSIG was set: then another one has taken over. */
static void die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
}

/* Until the other end of the pipe is closed: it is ready, or dead. */
static void await_end(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	(void)close(fd);
}

pid_t partner_start(partner_life *life, void *state, struct tare_err *err)
{
	pid_t parent = getpid(), pid;
	int ready[2], r = 0;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	pid = fork();
	if (pid == 0) {
		die_with(parent);
		(void)close(STDIN_FILENO);
		(void)close(STDOUT_FILENO);
		(void)close(ready[0]);
		(void)close(ready[1]);
		life(state);
		_exit(EXIT_FAILURE);
	}
	if (pid < 0)
		r = err_errno(err, "fork");
	(void)close(ready[1]);
	await_end(ready[0]);
	return pid < 0 ? r : pid;
}

void partner_reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void partner_end(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	partner_reap(pid);
}
