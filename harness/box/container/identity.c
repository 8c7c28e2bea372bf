/* SPDX-License-Identifier: MIT */
#include "box/container/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#define LINE 64

int identity_map_range(pid_t pid, struct tare_err *err)
{
	char line[LINE], path[LINE];
	int r;

	(void)snprintf(line, sizeof(line), "0 %u %u", IDENTITY_BASE, IDENTITY_COUNT);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	r = fd_write_file(AT_FDCWD, path, line, err);
	if (r < 0)
		return err_wrap(err, r, "step 'map the users'");
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return err_wrap(err, fd_write_file(AT_FDCWD, path, line, err), "step 'map the groups'");
}

int identity_map_self(uid_t uid, gid_t gid, struct tare_err *err)
{
	char line[LINE];
	int r;

	(void)snprintf(line, sizeof(line), "0 %u 1", uid);
	r = fd_write_file(AT_FDCWD, "/proc/self/uid_map", line, err);
	if (r < 0)
		return err_wrap(err, r, "step 'map our user'");
	/* Without it a group that takes rights away could be left (CVE-2014-8989). */
	r = fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", err);
	if (r < 0)
		return err_wrap(err, r, "step 'deny setgroups'");
	(void)snprintf(line, sizeof(line), "0 %u 1", gid);
	return err_wrap(err, fd_write_file(AT_FDCWD, "/proc/self/gid_map", line, err),
			"step 'map our group'");
}

int identity_become_root(struct tare_err *err)
{
	/* The plain calls: libc's would look for other threads, whose list is the parent's. */
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return err_errno(err, "step 'leave all groups'");
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return err_errno(err, "step 'become root inside'");
	return 0;
}

int identity_map_mount(int mount_fd, pid_t pid, struct tare_err *err)
{
	cleanup_close int namespace = -1;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	char path[LINE];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		return err_errno(err, "step 'open %s'", path);
	attr.userns_fd = (uint64_t) namespace;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(err, "step 'map the owners of the work folder'");
	return 0;
}
