/* SPDX-License-Identifier: MIT */
#include "engine/ladder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"

static const enum cgroup_controller controllers[] = {CGROUP_CPU, CGROUP_CPUACCT, CGROUP_MEMORY,
						     CGROUP_PIDS, CGROUP_IO};

/* In an order in which each is valid without those after it: a root of its own needs its mount
 * namespace. The user namespace comes after the root, since it changes whose files there are. */
static const struct {
	const char *label, *without;
} ingredients[] = {
	{"mount", "mount=host"}, {"uts", "uts=host"},        {"ipc", "ipc=host"},
	{"pid", "pid=host"},     {"net", "net=host"},        {"cgroupns", "cgroup=host"},
	{"time", "time=host"},   {"root", "rootfs=host"},    {"user", "user=host"},
	{"caps", "caps=keep"},   {"seccomp", "seccomp=off"},
};
#define N_INGREDIENTS (sizeof(ingredients) / sizeof(ingredients[0]))

/* cpuacct is a controller of its own in version 1 only, and there it may share cpu's groups. */
static bool is_step(const struct cgroup_layout *layout, enum cgroup_controller controller)
{
	const struct cgroup_hierarchy *at = &layout->controllers[controller];

	if (controller == CGROUP_CPUACCT)
		return at->version == 1 &&
		       strcmp(at->mount, layout->controllers[CGROUP_CPU].mount) != 0;
	return at->version != 0;
}

static int add_controllers(const struct cgroup_layout *layout, struct env_list *list,
			   struct tare_err *err)
{
	char all[128] = "";
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		const char *name = cgroup_controller_name(controllers[i]);
		cleanup_free char *text = NULL;

		if (!is_step(layout, controllers[i]))
			continue;
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", n ? "+" : "", name);
		text = text_format("%s=native,controllers=%s", name, all);
		r = text ? args_parse_envs(text, list, err) : err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

/* The container without all that comes later. */
static int add_box_step(size_t step, struct env_list *list, struct tare_err *err)
{
	char text[512];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s=container", ingredients[step].label);

	for (size_t i = step + 1; i < N_INGREDIENTS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",%s", ingredients[i].without);
	return args_parse_envs(text, list, err);
}

int ladder_add_steps(const struct cgroup_layout *layout, struct env_list *list,
		     struct tare_err *err)
{
	int r = args_parse_envs("native", list, err);

	if (r == 0)
		r = add_controllers(layout, list, err);
	for (size_t i = 0; i < N_INGREDIENTS && r == 0; i++)
		r = add_box_step(i, list, err);
	return r < 0 ? r : args_parse_envs(LADDER_WHOLE, list, err);
}
