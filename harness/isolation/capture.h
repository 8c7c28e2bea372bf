/* SPDX-License-Identifier: MIT */
#pragma once
/* capture: what a process writes to its stdout, bounded in size and time, and who it was. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;

struct capture {
	pthread_t thread;
	int fd;
	uint64_t deadline_ns;
	char *bytes;
	size_t n, max;
	bool too_long; /* what is over max was thrown away */
	uid_t uid;     /* of who wrote last, by the kernel's word, as we know users */
};

/* ret_theirs: to be the stdout of the process, and closed by the caller then. */
int capture_start(struct capture *ret, size_t max, uint64_t deadline_ns, int *ret_theirs,
		  struct tare_err *err);
/* Read to the end or the deadline. Frees nothing but the thread and the descriptor. */
void capture_stop(struct capture *capture);
void capture_clear(struct capture *capture);
