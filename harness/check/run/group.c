/* SPDX-License-Identifier: MIT */
#include "check/run/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "check/run/run_internal.h"

int check_limits_add(const char *text, struct limits *limits, struct tare_err *err)
{
	cleanup_free char *copy = strdup(text ? text : "");
	char *save = NULL;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *flag = strtok_r(copy, " ", &save); flag; flag = strtok_r(NULL, " ", &save)) {
		char *value = strchr(flag, '=');
		int r;

		if (!value)
			return err_set(err, EINVAL, "'%s' is no FLAG=VALUE", flag);
		*value++ = '\0';
		r = limits_set(limits, flag, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All there are: a check may look at any, and a box that limits by itself makes its own groups
 * below ours in each hierarchy. */
static unsigned int all_controllers(const struct cgroup_layout *layout)
{
	unsigned int bits = 0;

	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++)
		if (layout->controllers[c].version)
			bits |= CGROUP_BIT(c);
	return bits;
}

static int make_at_top(const struct check_run *run, const char *name, struct cgroup **ret,
		       struct tare_err *err)
{
	const struct trial_place *place = run->place;

	return cgroup_create(&place->layout, name, all_controllers(&place->layout),
			     place->box.journal, ret, err);
}

static int make_around(struct check_run *run, const char *text, const char *name,
		       struct tare_err *err)
{
	struct limits limits = {0};
	char outer[80];
	int r;

	if (run->around)
		return 0;
	(void)snprintf(outer, sizeof(outer), "%s-around", name);
	r = check_limits_add(text, &limits, err);
	if (r == 0)
		r = make_at_top(run, outer, &run->around, err);
	return r < 0 ? r : limits_apply(&limits, run->around, err);
}

int check_group_make(struct check_run *run, const struct check_group *group, const char *name,
		     struct cgroup **ret, struct tare_err *err)
{
	int r = 0;

	if (group->shared && run->shared) {
		*ret = run->shared;
		return 0;
	}
	if (group->around)
		r = make_around(run, group->around, name, err);
	if (r == 0)
		r = group->around ? cgroup_create_below(run->around, name, ret, err)
				  : make_at_top(run, name, ret, err);
	if (r < 0)
		return r;
	if (group->shared)
		run->shared = *ret;
	return limits_apply(&group->limits, *ret, err);
}

int check_group_end(struct cgroup *cgroup, struct tare_err *err)
{
	int r = cgroup_kill(cgroup, CHECK_KILL_TIMEOUT_MS, err);
	int q = cgroup_destroy(cgroup, err);

	return r < 0 ? r : q;
}
