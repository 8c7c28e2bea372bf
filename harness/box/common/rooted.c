/* SPDX-License-Identifier: MIT */
#include "box/common/rooted.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/dev.h"
#include "box/common/mounts.h"
#include "box/common/root.h"
#include "box/common/spawn.h"

struct rooted_launch {
	struct root root;
	struct imaged_pieces pieces;
	const struct box_exec *exec;
};

static int enter(void *context, struct tare_err *err)
{
	const struct rooted_launch *l = context;
	int r = mounts_make_private(err);

	if (r == 0)
		r = root_build(&l->root, err);
	return r == 0 ? root_enter(&l->root, err) : r;
}

static int take_user(void *context, struct tare_err *err)
{
	const struct box_exec *exec = ((const struct rooted_launch *)context)->exec;

	return exec->as_user ? imaged_become(exec->uid, exec->gid, NULL, 0, err) : 0;
}

int rooted_open(const struct box_ops *ops, const struct box_config *config, enum rooted_kind kind,
		struct rooted *ret, struct tare_err *err)
{
	int r;

	*ret = (struct rooted){.box = ops->name, .place = config->place, .kind = kind};
	r = imaged_open(ops, config, &ret->imaged, err);
	if (r == 0 && !ret->imaged.given)
		r = rootfs_prepare(config->place, 0, ret->tree, err);
	if (r == 0 && kind == ROOTED_COPY)
		r = imaged_copy(&ret->imaged, config, ret->tree, err);
	if (r < 0)
		(void)imaged_close(&ret->imaged, NULL);
	return err_wrap(err, r, "%s: root filesystem", ops->name);
}

static int open_pieces(const struct rooted *rooted, struct rooted_launch *l, struct tare_err *err)
{
	struct root *root = &l->root;
	int r = imaged_make_pieces(&rooted->imaged, &l->pieces, root, err);

	if (r == 0 && !root->n_layers)
		r = root->tree_fd = mounts_clone(AT_FDCWD, root->tree_path, MOUNTS_ONE,
						 root->writable ? 0 : MOUNT_ATTR_RDONLY, err);
	if (r >= 0)
		r = root->dev_fd = dev_take(rooted->place, 0, err);
	if (r >= 0 && root->work_path)
		r = root->work_fd = mounts_clone(AT_FDCWD, root->work_path, MOUNTS_ONE,
						 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	return r < 0 ? r : 0;
}

static int launch(const struct rooted *rooted, const struct box_exec *exec, struct box_process *ret,
		  struct tare_err *err)
{
	struct rooted_launch l = {
		.root =
			{
				.tree_path =
					rooted->imaged.copy[0] ? rooted->imaged.copy : rooted->tree,
				.work_path = rooted->place->work_dir,
				.tree_fd = -1,
				.work_fd = -1,
				.dev_fd = -1,
				.load_fd = -1,
				.devpts_fd = exec->devpts_fd,
				.overlay = rooted->kind == ROOTED_OVERLAY,
				.writable = rooted->kind == ROOTED_COPY,
				.sys = true,
				/* Who has only changed its root makes no user namespaces
				 * (create_user_ns); a guest's programs may. */
				.root_pivot = rooted->kind == ROOTED_OVERLAY,
			},
		.pieces.load_fd = -1,
		.exec = exec,
	};
	const struct spawn spawn = {
		.box = rooted->box,
		.journal = rooted->place->journal,
		.clone_flags = CLONE_NEWNS,
		.inside = enter,
		.lock = take_user,
		.context = &l,
	};
	int r = open_pieces(rooted, &l, err);

	r = r < 0 ? err_wrap(err, spawn_not_execve(r, err), "%s", rooted->box)
		  : spawn_start(&spawn, exec, ret, err);
	imaged_drop_pieces(&l.pieces);
	cleanup_closep(&l.root.tree_fd);
	cleanup_closep(&l.root.dev_fd);
	cleanup_closep(&l.root.work_fd);
	return r;
}

int rooted_start(const struct rooted *rooted, const struct box_exec *exec, struct box_process *ret,
		 struct tare_err *err)
{
	cleanup_free char **envp = NULL;
	struct box_exec all;
	int r = imaged_exec(&rooted->imaged, exec, &all, &envp, err);

	return r == 0 ? launch(rooted, &all, ret, err) : r;
}

int rooted_close(struct rooted *rooted, struct tare_err *err)
{
	return err_wrap(err, imaged_close(&rooted->imaged, err), "%s", rooted->box);
}
