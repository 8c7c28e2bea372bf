/* SPDX-License-Identifier: MIT */
#include "box/common/mounts.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* The kernel's own words, which it keeps in the context ("e overlay: ..."), are better. */
static int new_failed(int context, const char *type, struct tare_err *err)
{
	int code = errno;
	char words[128];
	ssize_t n = context < 0 ? -1 : read(context, words, sizeof(words) - 1);

	if (code == ENODEV)
		return err_set(err, code, "step 'mount %s': this kernel has no %s (module loaded?)",
			       type, type);
	errno = code;
	if (n <= 2)
		return err_errno(err, "step 'mount %s'", type);
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	return err_errno(err, "step 'mount %s': %s", type, words + 2);
}

int mounts_new(const char *type, const struct mount_option *options, unsigned int attributes,
	       struct tare_err *err)
{
	cleanup_close int context = fsopen(type, FSOPEN_CLOEXEC);
	int mount;

	if (context < 0)
		return new_failed(-1, type, err);
	for (; options && options->key; options++) {
		unsigned int kind = options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (fsconfig(context, kind, options->key, options->value, 0) < 0)
			return new_failed(context, type, err);
	}
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return new_failed(context, type, err);
	mount = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	return mount < 0 ? new_failed(context, type, err) : mount;
}

/* fsconfig(2) takes texts up to 255 bytes (fs/fsopen.c). */
#define VALUE_SIZE 256

static int set_text(int context, const char *key, const char *value, struct tare_err *err)
{
	if (fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0)
		return new_failed(context, "overlay", err);
	return 0;
}

static bool join_lowers(const struct mounts_overlay *o, char ret[VALUE_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < o->n_lowers; i++) {
		int n = snprintf(ret + used, VALUE_SIZE - used, "%s%s", i ? ":" : "", o->lowers[i]);

		if (n < 0 || (size_t)n >= VALUE_SIZE - used)
			return false;
		used += (size_t)n;
	}
	return true;
}

/* As one text, which every kernel takes, where it is short enough; else one by one, as Linux 6.7
 * takes them. (One before 6.5 takes note of any option, and fails when all are there.) */
static int set_lowers(int context, const struct mounts_overlay *o, struct tare_err *err)
{
	char all[VALUE_SIZE];

	if (join_lowers(o, all))
		return set_text(context, "lowerdir", all, err);
	for (size_t i = 0; i < o->n_lowers; i++) {
		if (fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", o->lowers[i], 0) < 0)
			return err_set(err, E2BIG,
				       "step 'mount overlay': %zu layers are too many for this "
				       "kernel: Linux 6.7 takes more",
				       o->n_lowers);
	}
	return 0;
}

int mounts_new_overlay(const struct mounts_overlay *o, unsigned int attributes,
		       struct tare_err *err)
{
	cleanup_close int context = fsopen("overlay", FSOPEN_CLOEXEC);
	int mount, r = 0;

	if (context < 0)
		return new_failed(-1, "overlay", err);
	for (size_t i = 0; i < o->n_lowers && r == 0; i++)
		if (strpbrk(o->lowers[i], ":,\\"))
			r = err_set(
				err, EINVAL,
				"step 'mount overlay': '%.80s' has a ':', a ',' or a '\\' in it",
				o->lowers[i]);
	if (r == 0)
		r = set_lowers(context, o, err);
	if (r == 0 && o->upper)
		r = set_text(context, "upperdir", o->upper, err);
	if (r == 0 && o->upper)
		r = set_text(context, "workdir", o->work, err);
	if (r < 0)
		return r;
	if (o->userxattr && fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return new_failed(context, "overlay", err);
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return new_failed(context, "overlay", err);
	mount = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	return mount < 0 ? new_failed(context, "overlay", err) : mount;
}

int mounts_clone(int dirfd, const char *path, enum mounts_depth depth, unsigned int attributes,
		 struct tare_err *err)
{
	unsigned int deep = depth == MOUNTS_TREE ? AT_RECURSIVE : 0;
	unsigned int here = path[0] ? 0 : AT_EMPTY_PATH;
	struct mount_attr attr = {.attr_set = attributes};
	cleanup_close int mount =
		open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep | here);

	if (mount < 0)
		return err_errno(err, "step 'bind %s'", path);
	if (attributes && mount_setattr(mount, "", AT_EMPTY_PATH | deep, &attr, sizeof(attr)) < 0)
		return err_errno(err, "step 'bind %s': set its attributes", path);
	return take_fd(&mount);
}

int mounts_attach(int mount_fd, int dirfd, const char *path, struct tare_err *err)
{
	unsigned int upon = path[0] ? 0 : MOVE_MOUNT_T_EMPTY_PATH;

	if (move_mount(mount_fd, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH | upon) < 0)
		return err_errno(err, "step 'put a mount on %s'", path);
	return 0;
}

int mounts_make_private(struct tare_err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "step 'make the mounts private'");
	return 0;
}
