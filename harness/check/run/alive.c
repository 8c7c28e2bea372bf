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

int check_count_alive(const char *pipe, unsigned int *ret, struct tare_err *err)
{
	cleanup_dir DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return err_errno(err, "open '/proc'");
	*ret = 0;
	while ((entry = readdir(proc))) /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			*ret += has_stdout(entry->d_name, pipe);
	return 0;
}

/* Who got away is ours all the same: he has our pipe. */
static void end_survivor(const char *pid, const char *pipe)
{
	int pidfd = (int)syscall(SYS_pidfd_open, atoi(pid), 0); /* NOLINT(cert-err34-c): digits */

	/* Again, now that the number cannot be given to another. */
	if (pidfd >= 0 && has_stdout(pid, pipe))
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (pidfd >= 0)
		(void)close(pidfd);
}

int check_end_survivors(const char *pipe, struct tare_err *err)
{
	cleanup_dir DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return err_errno(err, "open '/proc'");
	while ((entry = readdir(proc))) /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			end_survivor(entry->d_name, pipe);
	return 0;
}
