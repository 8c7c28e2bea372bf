/* SPDX-License-Identifier: MIT */
#include "trial/unmount.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

/* It calls poll and close. */
#define STACK_BYTES 32768

struct held {
	int mounts_fd, pidfd;
};

static void let_go(struct held *held)
{
	cleanup_closep(&held->mounts_fd);
	cleanup_closep(&held->pidfd);
	free(held);
}

static void *hold(void *context)
{
	struct held *held = context;
	struct pollfd end = {.fd = held->pidfd, .events = POLLIN};

	while (poll(&end, 1, -1) < 0)
		;
	let_go(held);
	return NULL;
}

static struct held *take(pid_t pid, int pidfd)
{
	struct held *held = malloc(sizeof(*held));
	char path[48];

	if (!held)
		return NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	held->mounts_fd = open(path, O_RDONLY | O_CLOEXEC);
	held->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	if (held->mounts_fd >= 0 && held->pidfd >= 0)
		return held;
	let_go(held);
	return NULL;
}

void unmount_beside(pid_t pid, int pidfd)
{
	struct held *held = take(pid, pidfd);
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	if (!held || pthread_attr_init(&attr) != 0) {
		if (held)
			let_go(held);
		return;
	}
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* Signals are for the one who waits for them. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, &attr, hold, held) != 0)
		let_go(held);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
}
