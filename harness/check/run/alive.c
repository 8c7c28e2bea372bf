/* SPDX-License-Identifier: MIT */
#include "check/run/alive.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static bool has_stdout(const char *pid, const char *pipe)
{
	char path[300], at[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd/1", pid);
	n = readlink(path, at, sizeof(at) - 1);
	if (n < 0)
		return false;
	at[n] = '\0';
	return strcmp(at, pipe) == 0;
}

/* Each process that has the pipe as its stdout. */
static int each(const char *pipe, void (*take)(const char *pid, const char *pipe, void *context),
		void *context, struct tare_err *err)
{
	cleanup_dir DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return err_errno(err, "open '/proc'");
	while ((entry = readdir(proc))) /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    has_stdout(entry->d_name, pipe))
			take(entry->d_name, pipe, context);
	return 0;
}

static void count(const char *pid, const char *pipe, void *context)
{
	(void)pid;
	(void)pipe;
	++*(unsigned int *)context;
}

int check_count_alive(const char *pipe, unsigned int *ret, struct tare_err *err)
{
	*ret = 0;
	return each(pipe, count, ret, err);
}

static void end(const char *pid, const char *pipe, void *context)
{
	int pidfd = (int)syscall(SYS_pidfd_open, atoi(pid), 0); /* NOLINT(cert-err34-c): digits */

	(void)context;
	/* Again, now that the number cannot be given to another. */
	if (pidfd >= 0 && has_stdout(pid, pipe))
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (pidfd >= 0)
		(void)close(pidfd);
}

int check_end_survivors(const char *pipe, struct tare_err *err)
{
	return each(pipe, end, NULL, err);
}
