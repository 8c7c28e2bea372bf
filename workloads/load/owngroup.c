/* SPDX-License-Identifier: MIT */
#include "owngroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

#define MOUNT_SIZE 256 /* one more than sscanf is told */

/* The path in the line "0::/a/b" of /proc/self/cgroup. */
static int read_own_group(char *path, int size, struct tare_err *err)
{
	cleanup_fclose FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (file && !found && fgets(path, size, file))
		found = strncmp(path, "0::/", 4) == 0;
	if (!found)
		return err_set(err, ENOTSUP, "no group of version 2 (in /proc/self/cgroup)");
	path[strcspn(path, "\n")] = '\0';
	memmove(path, path + 3, strlen(path + 3) + 1);
	if (strstr(path, "/.."))
		return err_set(err, ENOTSUP, "the own group lies outside the cgroup namespace");
	return 0;
}

/* Where the whole hierarchy of version 2 is mounted: "36 35 0:29 ROOT MOUNT OPTIONS ... - cgroup2".
 */
static int read_mount(char path[MOUNT_SIZE], struct tare_err *err)
{
	cleanup_fclose FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[2048], root[MOUNT_SIZE];

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, " - cgroup2 ") &&
		    sscanf(line, "%*s %*s %*s %255s %255s", root, path) == 2 &&
		    strcmp(root, "/") == 0)
			return 0;
	}
	return err_set(err, ENOTSUP, "version 2 of cgroups is not mounted here");
}

int owngroup_open(struct tare_err *err)
{
	char mount[MOUNT_SIZE], group[1024], path[sizeof(mount) + sizeof(group)];
	int r, fd;

	if ((r = read_own_group(group, sizeof(group), err)) < 0 || (r = read_mount(mount, err)) < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s%s", mount, group);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "open cgroup '%s'", path) : fd;
}
