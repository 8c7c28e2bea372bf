/* SPDX-License-Identifier: MIT */
/* container: tare's own: eight namespaces, copy-on-write root, few capabilities, few calls. */
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/controllers.h"
#include "box/container/container.h"
#include "box/container/identity.h"
#include "box/container/lock.h"
#include "box/container/profile.h"
#include "kernel/net.h"

extern const struct box_ops box_ops_container;

static const struct box_option options[] = {
	{"user", "own|host", "own", "user namespace: root inside is nobody outside"},
	{"pid", "own|host", "own", "process ids: the program is number 1"},
	{"mount", "own|host", "own", "mount points (host: only with rootfs=host)"},
	{"net", "none|veth|host", "none",
	 "network: loopback only, or a device of its own too (10.254.0.2, the other end .1)"},
	{"uts", "own|host", "own", "host name"},
	{"ipc", "own|host", "own", "System V IPC and message queues"},
	{"cgroup", "own|host|off", "own", "the view of cgroups; off: no group at all"},
	{CONTROLLERS_OPTION, CONTROLLERS_VALUES, "all", "cgroup controllers it has a group of"},
	{"time", "own|host", "own",
	 "monotonic and boot clocks, which begin with it (Linux 6.3; left out where not built in)"},
	{"image", "NAME", IMAGED_NONE, "the root: of 'tare image list', or tare's own small one"},
	{"rootfs", "overlay|bind|copy|host", "overlay",
	 "root: copy on write, read-only, a copy, or the host's"},
	{"caps", "drop|keep", "drop", "capabilities of root inside"},
	{"seccomp", "on|off", "on", "the allow-list of system calls"},
	{"masks", "on|off", "on", "cover what the kernel shows in /proc and /sys of the machine"},
	{"init", "on|off", "off", "a process 1 before the program, which reaps what it leaves"},
	{0},
};

static int container_probe(struct tare_err *err)
{
	struct container all = {0};
	struct tare_err why = {0};
	int r = container_read_options(&box_ops_container, NULL, &all, &why);

	if (r == 0)
		r = container_try(&all, &why);
	return r < 0 ? err_set(err, ENOTSUP, "%s", why.msg) : 0;
}

/* What a command asked for, into what the options have said. */
static int take_extras(struct container *c, const json_t *given, struct tare_err *err)
{
	const struct extras *extras = &c->extras;
	int r = extras_read(given, &c->extras, err);

	if (r < 0)
		return r;
	c->capabilities = extras_capabilities(extras, c->drop_caps ? lock_capabilities : ~0ULL);
	c->drop_caps = c->drop_caps || extras->caps_changed;
	if (extras->hostname[0] && !(c->namespaces & CLONE_NEWUTS))
		return err_set(err, EINVAL, "--hostname and uts=host do not go together");
	if (extras->hostname[0])
		(void)snprintf(c->name, sizeof(c->name), "%.63s", extras->hostname);
	if ((extras->n_mounts || extras->read_only) && c->root == CONTAINER_HOST_ROOT)
		return err_set(err, EINVAL,
			       "-v, --tmpfs and --read-only do not go together with rootfs=host");
	c->init = c->init || extras->init;
	if (extras->unconfined)
		c->seccomp = false;
	if (!extras->profile)
		return 0;
	c->seccomp = true;
	return profile_compile(extras->profile, c->drop_caps ? c->capabilities : ~0ULL, &c->filter,
			       err);
}

static int prepare_root(struct container *c, const struct box_config *config, uid_t owner,
			struct tare_err *err)
{
	int r = imaged_open(&box_ops_container, config, &c->imaged, err);

	c->owner = owner;
	if (r < 0 || c->root != CONTAINER_COPY)
		return r;
	r = container_find_tree(c, err);
	return r == 0 ? imaged_copy(&c->imaged, config, c->tree, err) : r;
}

static int prepare_network(struct container *c, const struct box_config *config,
			   struct tare_err *err)
{
	json_int_t rate = json_integer_value(json_object_get(config->limits, "net-rate"));

	if (!c->veth)
		return rate ? err_set(err, EINVAL,
				      "limit 'net-rate': the container has no network device of "
				      "its own: use container,net=veth")
			    : 0;
	if (c->rootless)
		return err_set(err, EPERM, "container: net=veth needs root");
	return err_wrap(err, net_open((uint64_t)rate, &c->net, err), "container");
}

static int container_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct container *c = calloc(1, sizeof(*c));
	uid_t owner;
	int r;

	if (!c)
		return err_set(err, ENOMEM, "container: out of memory");
	c->place = config->place;
	(void)snprintf(c->name, sizeof(c->name), "%s", config->name);
	r = container_read_options(&box_ops_container, config->options, c, err);
	if (r == 0)
		r = take_extras(c, config->extras, err);
	owner = (c->namespaces & CLONE_NEWUSER) && !c->rootless ? IDENTITY_BASE : geteuid();
	if (r == 0 && c->root != CONTAINER_HOST_ROOT)
		r = err_wrap(err, prepare_root(c, config, owner, err),
			     "container: root filesystem");
	if (r == 0)
		r = prepare_network(c, config, err);
	if (r < 0) {
		(void)imaged_close(&c->imaged, NULL);
		free(c->filter.filter);
		free(c);
		return r;
	}
	c->box.image = c->imaged.given;
	c->box.ops = &box_ops_container;
	c->box.host_root = c->root == CONTAINER_HOST_ROOT;
	*ret = &c->box;
	return 0;
}

static int container_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
			   struct tare_err *err)
{
	struct container *c = (struct container *)box;
	cleanup_free char **envp = NULL;
	struct box_exec all;
	int r = imaged_exec(&c->imaged, exec, &all, &envp, err);

	return r == 0 ? container_launch(c, &all, ret, NULL, err) : r;
}

static int container_prepare(struct box *box, const struct box_exec *exec, struct box_process *ret,
			     int *ret_order_fd, struct tare_err *err)
{
	struct container *c = (struct container *)box;

	if (c->imaged.given || c->init)
		return err_set(err, ENOTSUP,
			       "container: a pool has neither image= nor init=on: leave them out");
	return container_launch(c, exec, ret, ret_order_fd, err);
}

static int container_close(struct box *box, struct tare_err *err)
{
	struct container *c = (struct container *)box;
	int r = err_wrap(err, imaged_close(&c->imaged, err), "container");

	if (c->work_given && chown(c->place->work_dir, c->work_owner, c->work_group) < 0)
		r = err_errno(err, "container: take back '%s'", c->place->work_dir);
	net_close(c->net);
	free(c->filter.filter);
	free(c);
	return r;
}

const struct box_ops box_ops_container = {
	.name = "container",
	.summary = "our container: all namespaces, overlay root, dropped rights, seccomp",
	.options = options,
	.takes_extras = true,
	.has_root = true,
	.shapes_network = true,
	.isolates = true,
	.controllers = CONTROLLERS_ALL,
	.probe = container_probe,
	.open = container_open,
	.start = container_start,
	.prepare = container_prepare,
	.close = container_close,
};
