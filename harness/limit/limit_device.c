/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "limit/limit_inner.h"

#ifndef NFS_SUPER_MAGIC
#define NFS_SUPER_MAGIC 0x6969
#endif

/* Filesystems without one block device of their own. */
static const struct {
	unsigned long magic;
	const char *name;
} diskless[] = {
	{OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {TMPFS_MAGIC, "tmpfs"},   {RAMFS_MAGIC, "ramfs"},
	{BTRFS_SUPER_MAGIC, "btrfs"},         {NFS_SUPER_MAGIC, "NFS"}, {V9FS_MAGIC, "9p"},
	{PROC_SUPER_MAGIC, "proc"},           {SYSFS_MAGIC, "sysfs"},
};

static int refuse_diskless(const char *path, struct tare_err *err)
{
	const char *name = "a filesystem";
	struct statfs fs;

	if (statfs(path, &fs) == 0)
		for (size_t i = 0; i < sizeof(diskless) / sizeof(diskless[0]); i++)
			if ((unsigned long)fs.f_type == diskless[i].magic)
				name = diskless[i].name;
	return err_set(err, ENOTSUP,
		       "device '%s' is on %s, which has no disk of its own: name the disk itself, "
		       "such as /dev/vda",
		       path, name);
}

int limit_device_number(const char *path, char *ret, size_t size, struct tare_err *err)
{
	char at[128], text[32];
	struct stat st;
	dev_t device;

	if (stat(path, &st) < 0)
		return err_errno(err, "device '%s'", path);
	if (S_ISCHR(st.st_mode))
		return err_set(err, ENOTBLK, "device '%s' is a character device, not a disk", path);
	device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	/* Major 0 is of the kernel's devices without a driver (get_anon_bdev, fs/super.c). */
	if (major(device) == 0)
		return refuse_diskless(path, err);
	(void)snprintf(at, sizeof(at), "/sys/dev/block/%u:%u/partition", major(device),
		       minor(device));
	/* Limits are on whole disks; a partition's folder lies in its disk's. */
	(void)snprintf(at + strlen(at) - strlen("partition"), sizeof("../dev"),
		       access(at, F_OK) == 0 ? "../dev" : "dev");
	if (fd_read_file_quiet(AT_FDCWD, at, text, sizeof(text)) < 0)
		return err_set(err, ENOTSUP, "device '%s': the kernel has no disk %u:%u: no '%s'",
			       path, major(device), minor(device), at);
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(ret, size, "%s", text);
	return 0;
}
