/* SPDX-License-Identifier: MIT */
#include "box/container/clocks.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/err.h"
#include "box/common/direct.h"

/* What they read at the start: above 0, since processes inside are older than this moment and
 * their start would be before the clock's, which no tool can read. */
#define BEGIN_S 1

/* Linux 6.3 (2b5f9dad32ed, "fs/exec: switch timens when a task gets a new mm"): nothing in a
 * running kernel tells it apart from its predecessors but a program run for that. */
bool clocks_can_begin(void)
{
	struct utsname names;
	char *end;
	long major, minor;

	if (uname(&names) < 0)
		return false;
	major = strtol(names.release, &end, 10);
	minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return major > 6 || (major == 6 && minor >= 3);
}

static int write_offsets(int proc_fd, const char *text, size_t size)
{
	static const char path[] = "self/timens_offsets";
	long fd = direct_call(SYS_openat, proc_fd, (long)path, O_WRONLY | O_CLOEXEC, 0), r;

	if (fd < 0)
		return (int)fd;
	r = direct_call(SYS_write, fd, (long)text, (long)size, 0);
	(void)direct_call(SYS_close, fd, 0, 0, 0);
	return r < 0 ? (int)r : 0;
}

int clocks_begin(int proc_fd, struct tare_err *err)
{
	struct timespec monotonic, boot;
	char text[128];
	long r = direct_call(SYS_unshare, CLONE_NEWTIME, 0, 0, 0);
	int n;

	if (r < 0)
		return err_code(err, (int)-r, "step 'make a time namespace'");
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	n = snprintf(text, sizeof(text), "monotonic %lld %ld\nboottime %lld %ld\n",
		     BEGIN_S - (long long)monotonic.tv_sec - 1, 999999999 - monotonic.tv_nsec,
		     BEGIN_S - (long long)boot.tv_sec - 1, 999999999 - boot.tv_nsec);
	r = write_offsets(proc_fd, text, (size_t)n);
	return r < 0 ? err_code(err, (int)-r, "step 'let its clocks begin'") : 0;
}
