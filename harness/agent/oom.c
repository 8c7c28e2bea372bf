/* SPDX-License-Identifier: MIT */
#include "agent/oom.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define LOOKS_MAX 10000

/* A kernel that refuses would leave the agent like any other: no reason not to serve. */
static void set(const char *value)
{
	(void)fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", value, NULL);
}

/* execve(2) says that it has left the old memory a moment before it has. */
static bool shares_our_memory(pid_t pid)
{
	return pid > 0 && syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0) == 0;
}

void oom_as_agent(pid_t made)
{
	const struct timespec moment = {.tv_nsec = 100000};

	for (int i = 0; i < LOOKS_MAX && shares_our_memory(made); i++)
		(void)nanosleep(&moment, NULL);
	set("-1000");
}

void oom_as_payload(void)
{
	set("0");
}
