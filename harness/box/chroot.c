/* SPDX-License-Identifier: MIT */
/* chroot: the container's root filesystem by chroot(2), and nothing else: what a root of its own
 * costs. The mount namespace is only there for the mounts to vanish with the process. */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/box.h"
#include "box/common/dev.h"
#include "box/common/imaged.h"
#include "box/common/mounts.h"
#include "box/common/root.h"
#include "box/common/rootfs.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_chroot;

struct chroot_box {
	struct box box;
	const struct box_place *place;
	char tree[ROOTFS_PATH_SIZE];
	struct imaged imaged;
};

static const struct box_option options[] = {
	{"image", "NAME", IMAGED_NONE, "the root: of 'tare image list', or tare's own small one"},
	{"rootfs", "bind|copy", "bind", "root: read-only, or a copy of it"},
	{0},
};

struct chroot_launch {
	struct root root;
	struct imaged_pieces pieces;
	const struct box_exec *exec;
};

static int enter(void *context, struct tare_err *err)
{
	const struct chroot_launch *l = context;
	int r = mounts_make_private(err);

	if (r == 0)
		r = root_build(&l->root, err);
	return r == 0 ? root_enter(&l->root, err) : r;
}

static int take_user(void *context, struct tare_err *err)
{
	const struct box_exec *exec = ((const struct chroot_launch *)context)->exec;

	return exec->as_user ? imaged_become(exec->uid, exec->gid, err) : 0;
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

static bool wants_copy(const struct box_config *config)
{
	return strcmp(box_option(&box_ops_chroot, config->options, "rootfs"), "copy") == 0;
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
	r = box_check_options(&box_ops_chroot, config->options, err);
	if (r == 0)
		r = imaged_open(&box_ops_chroot, config, &c->imaged, err);
	if (r == 0 && !c->imaged.given)
		r = rootfs_prepare(config->place, 0, c->tree, err);
	if (r == 0 && wants_copy(config))
		r = imaged_copy(&c->imaged, config, c->tree, err);
	if (r < 0) {
		(void)imaged_close(&c->imaged, NULL);
		free(c);
		return err_wrap(err, r, "chroot: root filesystem");
	}
	c->box.ops = &box_ops_chroot;
	c->box.image = c->imaged.given;
	*ret = &c->box;
	return 0;
}

static int open_pieces(const struct chroot_box *c, struct chroot_launch *l, struct tare_err *err)
{
	struct root *root = &l->root;
	int r = imaged_make_pieces(&c->imaged, &l->pieces, root, err);

	if (r == 0 && !root->n_layers)
		r = root->tree_fd = mounts_clone(AT_FDCWD, root->tree_path, MOUNTS_ONE,
						 root->writable ? 0 : MOUNT_ATTR_RDONLY, err);
	if (r >= 0)
		r = root->dev_fd = dev_take(c->place, 0, err);
	if (r >= 0 && root->work_path)
		r = root->work_fd = mounts_clone(AT_FDCWD, root->work_path, MOUNTS_ONE,
						 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	return r < 0 ? r : 0;
}

static int launch(const struct chroot_box *c, const struct box_exec *exec, struct box_process *ret,
		  struct tare_err *err)
{
	struct chroot_launch l = {
		.root =
			{
				.tree_path = c->imaged.copy[0] ? c->imaged.copy : c->tree,
				.work_path = c->place->work_dir,
				.tree_fd = -1,
				.work_fd = -1,
				.dev_fd = -1,
				.load_fd = -1,
				.devpts_fd = exec->devpts_fd,
				.writable = c->imaged.copy[0],
				.sys = true,
			},
		.pieces.load_fd = -1,
		.exec = exec,
	};
	const struct spawn spawn = {
		.box = "chroot",
		.journal = c->place->journal,
		.clone_flags = CLONE_NEWNS,
		.inside = enter,
		.lock = take_user,
		.context = &l,
	};
	int r = open_pieces(c, &l, err);

	r = r < 0 ? err_wrap(err, spawn_not_execve(r, err), "chroot")
		  : spawn_start(&spawn, exec, ret, err);
	imaged_drop_pieces(&l.pieces);
	cleanup_closep(&l.root.tree_fd);
	cleanup_closep(&l.root.dev_fd);
	cleanup_closep(&l.root.work_fd);
	return r;
}

static int chroot_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
			struct tare_err *err)
{
	const struct chroot_box *c = (const struct chroot_box *)box;
	cleanup_free char **envp = NULL;
	struct box_exec all;
	int r = imaged_exec(&c->imaged, exec, &all, &envp, err);

	return r == 0 ? launch(c, &all, ret, err) : r;
}

static int chroot_close(struct box *box, struct tare_err *err)
{
	struct chroot_box *c = (struct chroot_box *)box;
	int r = err_wrap(err, imaged_close(&c->imaged, err), "chroot");

	free(c);
	return r;
}

const struct box_ops box_ops_chroot = {
	.name = "chroot",
	.summary = "the container's root filesystem by chroot(2), nothing else",
	.options = options,
	.has_root = true,
	.probe = chroot_probe,
	.open = chroot_open,
	.start = chroot_start,
	.close = chroot_close,
};
