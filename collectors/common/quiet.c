/* SPDX-License-Identifier: MIT */
#include "common/quiet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "common/statfile.h"
#include "kernel/cgroup.h"

#define POLL_NS (50 * NS_PER_US)

/* Asleep, stopped or dead. D is not: it is a call that goes on by itself (disk). */
static bool thread_rests(unsigned long tid)
{
	char path[64], stat[512];
	const char *behind;

	(void)snprintf(path, sizeof(path), "/proc/%lu/stat", tid);
	if (fd_read_file_quiet(-1, path, stat, sizeof(stat)) < 0)
		return true; /* gone */
	behind = strrchr(stat, ')');
	return behind && behind[1] == ' ' && strchr("STtZXI", behind[2]);
}

static bool group_rests(int fd, char *text)
{
	if (statfile_read(fd, "cgroup.threads", text, STATFILE_SIZE, NULL) < 0)
		return false;
	for (char *at = text, *end; *at; at = end) {
		unsigned long tid = strtoul(at, &end, 10);

		if (end == at)
			return true;
		if (tid != 0 && !thread_rests(tid))
			return false;
	}
	return true;
}

bool quiet_wait(const struct cgroup *cgroup, int timeout_ms)
{
	cleanup_close int fd = statfile_open(cgroup_v2_fd(cgroup), "cgroup.threads");
	cleanup_free char *text = malloc(STATFILE_SIZE);
	uint64_t end = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	unsigned int rested = 0;

	/* Twice in a row: a thread may sleep for a moment on a lock inside its last call. */
	while (fd >= 0 && text && rested < 2) {
		rested = group_rests(fd, text) ? rested + 1 : 0;
		if (rested >= 2)
			return true;
		if (clock_now_ns() > end)
			return false;
		(void)nanosleep(&(const struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
	return false;
}
