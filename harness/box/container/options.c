/* SPDX-License-Identifier: MIT */
#include <linux/sched.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "box/common/controllers.h"
#include "box/container/container.h"

/* A namespace is left out by OPTION=host. */
static const struct {
	const char *option;
	uint64_t flag;
} namespaces[] = {
	{"user", CLONE_NEWUSER}, {"pid", CLONE_NEWPID},       {"mount", CLONE_NEWNS},
	{"net", CLONE_NEWNET},   {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC},
	{"time", CLONE_NEWTIME}, {"cgroup", CLONE_NEWCGROUP},
};

static bool is_set(const struct box_ops *ops, const json_t *options, const char *name,
		   const char *value)
{
	const char *given = box_option(ops, options, name);

	return given && strcmp(given, value) == 0;
}

/* By itself a container does without what the kernel was built without; who asks for it is told. */
static bool is_left_out(const json_t *options, const char *name)
{
	return strcmp(name, "time") == 0 && !json_object_get(options, name) &&
	       access("/proc/self/ns/time", F_OK) < 0;
}

int container_read_options(const struct box_ops *ops, const json_t *options, struct container *ret,
			   struct tare_err *err)
{
	int r = box_check_options(ops, options, err);

	if (r < 0)
		return r;
	ret->namespaces = 0;
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		const char *name = namespaces[i].option;

		if (!is_set(ops, options, name, "host") && !is_left_out(options, name))
			ret->namespaces |= namespaces[i].flag;
	}
	if (controllers_no_group(ops, options)) {
		ret->namespaces &= ~(uint64_t)CLONE_NEWCGROUP;
		if (!(ret->namespaces & CLONE_NEWPID))
			return err_set(err, EINVAL,
				       "container: with cgroup=off and pid=host nothing would hold "
				       "what it leaves behind: leave one out");
	}
	ret->root = CONTAINER_OVERLAY;
	if (is_set(ops, options, "rootfs", "bind"))
		ret->root = CONTAINER_BIND;
	if (is_set(ops, options, "rootfs", "copy"))
		ret->root = CONTAINER_COPY;
	if (is_set(ops, options, "rootfs", "host"))
		ret->root = CONTAINER_HOST_ROOT;
	if (ret->root == CONTAINER_HOST_ROOT && !is_set(ops, options, "image", IMAGED_NONE))
		return err_set(
			err, EINVAL,
			"container: rootfs=host and image= do not go together: leave one out");
	ret->veth = is_set(ops, options, "net", "veth");
	ret->seccomp = is_set(ops, options, "seccomp", "on");
	ret->masks = is_set(ops, options, "masks", "on");
	ret->init = is_set(ops, options, "init", "on");
	ret->drop_caps = is_set(ops, options, "caps", "drop");
	ret->rootless = geteuid() != 0;

	if (!(ret->namespaces & CLONE_NEWNS) && ret->root != CONTAINER_HOST_ROOT)
		return err_set(err, EINVAL,
			       "container: mount=host leaves no place for a root of its own: "
			       "give rootfs=host too");
	if (ret->init && !(ret->namespaces & CLONE_NEWPID))
		return err_set(err, EINVAL,
			       "container: init=on needs pid=own: only process 1 gets orphans");
	if (ret->rootless && !(ret->namespaces & CLONE_NEWUSER))
		return err_set(err, EPERM,
			       "container: user=host needs root: run as root or leave it out");
	return 0;
}
