/* SPDX-License-Identifier: MIT */
#include "box/common/mounts.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
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

int mounts_clone(int dirfd, const char *path, enum mounts_depth depth, unsigned int attributes,
		 struct tare_err *err)
{
	unsigned int deep = depth == MOUNTS_TREE ? AT_RECURSIVE : 0;
	struct mount_attr attr = {.attr_set = attributes};
	cleanup_close int mount =
		open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep);

	if (mount < 0)
		return err_errno(err, "step 'bind %s'", path);
	if (attributes && mount_setattr(mount, "", AT_EMPTY_PATH | deep, &attr, sizeof(attr)) < 0)
		return err_errno(err, "step 'bind %s': set its attributes", path);
	return take_fd(&mount);
}

int mounts_attach(int mount_fd, int dirfd, const char *path, struct tare_err *err)
{
	if (move_mount(mount_fd, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, "step 'put a mount on %s'", path);
	return 0;
}

int mounts_make_private(struct tare_err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "step 'make the mounts private'");
	return 0;
}
