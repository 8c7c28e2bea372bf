/* SPDX-License-Identifier: MIT */
#pragma once
/* disk_of: the disk that a file is on, as the I/O controllers name it. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

/* "MAJ:MIN" of the whole disk that the file is on; false: it is on none. */
static inline bool disk_of(const char *path, char *buf, size_t size)
{
	char link[64], target[256];
	struct stat st;
	ssize_t n;

	if (stat(path, &st) < 0)
		return false;
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/partition", major(st.st_dev),
		       minor(st.st_dev));
	if (access(link, F_OK) < 0) {
		(void)snprintf(buf, size, "%u:%u", major(st.st_dev), minor(st.st_dev));
		link[strlen(link) - strlen("/partition")] = '\0';
		return access(link, F_OK) == 0;
	}
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/../dev", major(st.st_dev),
		       minor(st.st_dev));
	n = fd_read_file_quiet(AT_FDCWD, link, target, sizeof(target));
	if (n <= 0)
		return false;
	target[strcspn(target, "\n")] = '\0';
	(void)snprintf(buf, size, "%.*s", (int)size - 1, target);
	return true;
}
