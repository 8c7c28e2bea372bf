/* SPDX-License-Identifier: MIT */
#include "perf/tracepoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#define EVENTS "/sys/kernel/tracing/events"

/* The events' folder: where it is usually mounted, else a mount that nobody else sees, and that
 * goes with its descriptor. */
static int open_events(void)
{
	int fd = open(EVENTS, O_DIRECTORY | O_PATH | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	cleanup_close int context = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	cleanup_close int mount = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	return mount < 0 ? -1 : openat(mount, "events", O_DIRECTORY | O_PATH | O_CLOEXEC);
}

int tracepoint_id(const char *name, uint64_t *ret, struct tare_err *err)
{
	cleanup_close int events = open_events();
	char path[160], text[32];
	ssize_t n;

	if (events < 0)
		return err_set(err, ENOTSUP,
			       "tracepoint '%.60s': the kernel's list of them, tracefs, cannot be "
			       "had here: %m (%s)",
			       name, strerrorname_np(errno));
	/* A name has one '/', and leads nowhere else. */
	if (!strchr(name, '/') || strchr(name, '/') != strrchr(name, '/') || strchr(name, '.'))
		return err_set(err, ENOENT, "event '%.60s': a tracepoint is written SYSTEM/NAME",
			       name);
	(void)snprintf(path, sizeof(path), "%.140s/id", name);
	n = fd_read_file_quiet(events, path, text, sizeof(text));
	if (n == -ENOENT)
		return err_set(err, ENOENT, "this kernel has no tracepoint '%.60s'", name);
	if (n < 0)
		return err_set(err, ENOTSUP, "tracepoint '%.60s': its number cannot be read: %s",
			       name, strerrordesc_np((int)-n));
	*ret = strtoull(text, NULL, 10);
	return 0;
}
