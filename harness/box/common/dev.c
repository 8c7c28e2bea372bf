/* SPDX-License-Identifier: MIT */
#include "box/common/dev.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/kept.h"
#include "box/common/mounts.h"

#define NO_EXEC (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

/* Counted up when this file makes another folder. */
#define RECIPE 1

/* Numbers: Documentation/admin-guide/devices.txt */
static const struct node {
	const char *name;
	unsigned int major, minor;
} nodes[] = {
	{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
	{"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};
#define N_NODES (sizeof(nodes) / sizeof(nodes[0]))

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
};
#define N_LINKS (sizeof(links) / sizeof(links[0]))

static const struct mount_option dev_options[] = {
	{"mode", "755"}, {"size", "64k"}, {"nr_inodes", "64"}, {NULL, NULL}};

/* The folders and links. */
static int make_frame(int dev, struct tare_err *err)
{
	if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 01777) < 0)
		return err_errno(err, "step 'make folders of /dev'");
	for (size_t i = 0; i < N_LINKS; i++) {
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_errno(err, "step 'make /dev/%s'", links[i].name);
	}
	return 0;
}

static int fill_dev(void *context, int dev, struct tare_err *err)
{
	uid_t owner = *(const uid_t *)context;
	int r = make_frame(dev, err);

	for (size_t i = 0; i < N_NODES && r == 0; i++) {
		const struct node *n = &nodes[i];

		/* The mode after mknod, which the umask cuts. */
		if (mknodat(dev, n->name, S_IFCHR | 0666, makedev(n->major, n->minor)) < 0 ||
		    fchmodat(dev, n->name, 0666, 0) < 0 ||
		    fchownat(dev, n->name, owner, (gid_t)owner, 0) < 0)
			r = err_errno(err, "step 'make /dev/%s'", n->name);
	}
	if (r == 0 && (fchmod(dev, 0755) < 0 || fchown(dev, owner, (gid_t)owner) < 0))
		r = err_errno(err, "step 'give /dev to its owner'");
	return r;
}

static int bind_nodes(int dev, struct tare_err *err)
{
	int r = make_frame(dev, err);

	for (size_t i = 0; i < N_NODES && r == 0; i++) {
		cleanup_close int target =
			openat(dev, nodes[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		cleanup_close int host = -1;
		char path[32];

		if (target < 0)
			return err_errno(err, "step 'make /dev/%s'", nodes[i].name);
		(void)snprintf(path, sizeof(path), "/dev/%s", nodes[i].name);
		host = mounts_clone(AT_FDCWD, path, MOUNTS_ONE, 0, err);
		r = host < 0 ? host : mounts_attach(host, dev, nodes[i].name, err);
	}
	return r;
}

int dev_new_devpts(struct tare_err *err)
{
	/* gid 5 is tty, see the embedded /etc/group; without a range of ids it is not mapped. */
	static const struct mount_option options[] = {
		{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};

	return mounts_new("devpts", options, NO_EXEC, err);
}

/* What is shared is a folder of the stage: one filesystem less to make. */
static int mount_pts_and_shm(int devpts_fd, int root, int stage, struct tare_err *err)
{
	cleanup_close int pts = devpts_fd > 0 ? -1 : dev_new_devpts(err);
	cleanup_close int shm = -1;
	int r = devpts_fd > 0 || pts >= 0
			? mounts_attach(pts >= 0 ? pts : devpts_fd, root, "dev/pts", err)
			: pts;

	if (r < 0)
		return r;
	/* The mode after mkdir, which the umask cuts. */
	if (mkdirat(stage, "shm", 01777) < 0 || fchmodat(stage, "shm", 01777, 0) < 0)
		return err_errno(err, "step 'make folder shm'");
	shm = mounts_clone(stage, "shm", MOUNTS_ONE, NO_EXEC | MOUNT_ATTR_NODEV, err);
	return shm < 0 ? shm : mounts_attach(shm, root, "dev/shm", err);
}

int dev_mount(int fd, int devpts_fd, int root, int stage, struct tare_err *err)
{
	cleanup_close int own = fd >= 0 ? -1 : mounts_new("tmpfs", dev_options, NO_EXEC, err);
	int r;

	if (fd < 0 && own < 0)
		return own;
	r = mounts_attach(fd >= 0 ? fd : own, root, "dev", err);
	if (r == 0 && fd < 0)
		r = bind_nodes(own, err);
	return r == 0 ? mount_pts_and_shm(devpts_fd, root, stage, err) : r;
}

/* Read-only, since all boxes share it; nodev of the cache's own mount does not hold for it. */
static int show(const char *path, uid_t owner, struct tare_err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | NO_EXEC,
				  .attr_clr = MOUNT_ATTR_NODEV};
	cleanup_close int fd = mounts_clone(AT_FDCWD, path, MOUNTS_ONE, 0, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_uid != owner || (st.st_mode & 022))
		return err_set(err, EPERM, "'%s' is not a folder of user %u alone: remove it", path,
			       owner);
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(err, "step 'bind %s': set its attributes", path);
	return take_fd(&fd);
}

int dev_take(const struct box_place *place, uid_t owner, struct tare_err *err)
{
	char store[KEPT_PATH_SIZE], path[KEPT_PATH_SIZE];
	int r = kept_store(place, "dev", store, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%.180s/%d-%u", store, RECIPE, owner);
	if (access(path, F_OK) < 0)
		r = kept_make(place, path, fill_dev, &owner, err);
	return r == 0 ? show(path, owner, err) : r;
}
