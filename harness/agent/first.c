/* SPDX-License-Identifier: MIT */
#include "agent/first.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/init.h"
#include "base/cleanup.h"
#include "machine/vm/message.h"

static sigset_t only_child(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	return set;
}

void first_hold_signals(sigset_t *ret_was)
{
	sigset_t set = only_child();

	(void)pthread_sigmask(SIG_BLOCK, &set, ret_was);
}

/* A host that does not read its answers gets no more of them: we are not held up. */
static int open_pulse(void)
{
	int fd = init_open_port(MESSAGE_PULSE_PORT, NULL);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void answer_pulse(int *fd)
{
	char bytes[64];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n > 0)
		(void)!write(*fd, bytes, (size_t)n);
	else if (n == 0) /* nobody will ask any more */
		(void)close(take_fd(fd));
}

/* Has the agent been among them? */
static bool reap(pid_t agent, int *ret_status)
{
	bool found = false;
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
		if (pid != agent)
			continue;
		/* We would go on to say that the guest lives, and nobody would serve. */
		if (WIFSTOPPED(status))
			(void)kill(agent, SIGKILL);
		else
			found = true;
		*ret_status = status;
	}
	return found;
}

int first_mind(pid_t agent)
{
	sigset_t set = only_child();
	cleanup_close int signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	cleanup_close int pulse_fd = open_pulse();
	int status = 0;

	while (!reap(agent, &status)) {
		struct pollfd p[] = {{.fd = signal_fd, .events = POLLIN},
				     {.fd = pulse_fd, .events = POLLIN}};
		struct signalfd_siginfo info;

		(void)poll(p, 2, -1);
		if (p[0].revents)
			(void)!read(signal_fd, &info, sizeof(info));
		if (p[1].revents)
			answer_pulse(&pulse_fd);
	}
	return status;
}
