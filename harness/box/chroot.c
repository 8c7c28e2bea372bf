/* SPDX-License-Identifier: MIT */
/* chroot: the container's root filesystem by chroot(2), and nothing else: what a root of its own
 * costs. The mount namespace is only there for the mounts to vanish with the process. */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/box.h"
#include "box/common/dev.h"
#include "box/common/mounts.h"
#include "box/common/root.h"
#include "box/common/rootfs.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_chroot;

struct chroot_box {
	struct box box;
	const struct box_place *place;
	char tree[ROOTFS_PATH_SIZE];
};

static int enter(void *context, struct tare_err *err)
{
	const struct root *root = context;
	int r = mounts_make_private(err);

	return r == 0 ? root_enter(root, err) : r;
}

static int try_enter(void *context, struct tare_err *err)
{
	int r = mounts_make_private(err);

	(void)context;
	return r == 0 ? root_try(false, false, err) : r;
}

static int chroot_probe(struct tare_err *err)
{
	const struct spawn spawn = {
		.box = "chroot", .clone_flags = CLONE_NEWNS, .inside = try_enter};
	struct box_process none;
	struct tare_err why = {0};

	if (geteuid() != 0)
		return err_set(err, ENOTSUP, "chroot: only root may change its root");
	return spawn_start(&spawn, NULL, &none, &why) < 0 ? err_set(err, ENOTSUP, "%s", why.msg)
							  : 0;
}

static int chroot_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct chroot_box *c;
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "chroot: only root may change its root");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "chroot: out of memory");
	c->place = config->place;
	r = rootfs_prepare(config->place, 0, c->tree, err);
	if (r < 0) {
		free(c);
		return err_wrap(err, r, "chroot: root filesystem");
	}
	c->box.ops = &box_ops_chroot;
	*ret = &c->box;
	return 0;
}

static int chroot_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
			struct tare_err *err)
{
	const struct chroot_box *c = (const struct chroot_box *)box;
	cleanup_close int tree =
		mounts_clone(AT_FDCWD, c->tree, MOUNTS_ONE, MOUNT_ATTR_RDONLY, err);
	cleanup_close int dev = tree < 0 ? tree : dev_make(0, err);
	cleanup_close int work = -1;
	struct root root = {
		.tree_path = c->tree,
		.work_path = c->place->work_dir,
		.tree_fd = tree,
		.work_fd = -1,
		.dev_fd = dev,
		.sys = true,
	};
	const struct spawn spawn = {
		.box = "chroot",
		.journal = c->place->journal,
		.clone_flags = CLONE_NEWNS,
		.inside = enter,
		.context = &root,
	};

	if (dev < 0)
		return err_wrap(err, spawn_not_execve(dev, err), "chroot");
	if (root.work_path) {
		work = mounts_clone(AT_FDCWD, root.work_path, MOUNTS_ONE,
				    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
		if (work < 0)
			return err_wrap(err, spawn_not_execve(work, err), "chroot");
		root.work_fd = work;
	}
	return spawn_start(&spawn, exec, ret, err);
}

static int chroot_close(struct box *box, struct tare_err *err)
{
	(void)err;
	free((struct chroot_box *)box);
	return 0;
}

const struct box_ops box_ops_chroot = {
	.name = "chroot",
	.summary = "the container's root filesystem by chroot(2), nothing else",
	.has_root = true,
	.probe = chroot_probe,
	.open = chroot_open,
	.start = chroot_start,
	.close = chroot_close,
};
