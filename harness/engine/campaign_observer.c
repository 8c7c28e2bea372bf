/* SPDX-License-Identifier: MIT */
/* The scale weighed: each group that has collectors is carried out without any, with each alone
 * and with all, every round, so that the difference is what watching costs. Players that are
 * watched and players that are not cannot take turns with each other: an attached program taxes
 * every task of its kernel a little. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "engine/campaign_internal.h"

/* A new group that differs in its collectors; its lists are its own. */
static int add_like(struct campaign *campaign, size_t of, const char *name, json_t *collectors,
		    struct tare_err *err)
{
	struct campaign_group *group, *like;
	int r = campaign_add_group(campaign, &group, err);

	if (r < 0)
		return r;
	like = &campaign->groups[of]; /* the array may have moved */
	json_decref(group->collectors);
	*group = *like;
	group->envs = (struct env_list){0};
	group->loads = (struct load_list){0};
	group->collectors = json_incref(collectors);
	if (snprintf(group->name, sizeof(group->name), "%s-%s", like->name, name) >=
	    (int)sizeof(group->name))
		return err_set(err, ENAMETOOLONG,
			       "group '%s': its name and a collector's are too long together",
			       like->name);
	r = env_list_copy(&group->envs, &like->envs, err);
	return r < 0 ? r : load_list_copy(&group->loads, &like->loads, err);
}

static int add_alone(struct campaign *campaign, size_t of, json_t *item, struct tare_err *err)
{
	cleanup_json json_t *alone = json_pack("[O]", item);
	const char *text = json_string_value(item);
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
	if (!alone)
		return err_set(err, ENOMEM, "out of memory");
	return add_like(campaign, of, name, alone, err);
}

/* The group itself becomes the one with all. */
static int rotate(struct campaign *campaign, size_t of, struct tare_err *err)
{
	cleanup_json json_t *all = json_incref(campaign->groups[of].collectors);
	cleanup_json json_t *none = json_array();
	int r = none ? add_like(campaign, of, "none", none, err)
		     : err_set(err, ENOMEM, "out of memory");
	json_t *item;
	size_t i;

	if (json_array_size(all) > 1) {
		json_array_foreach(all, i, item)
		{
			if (r == 0)
				r = add_alone(campaign, of, item, err);
		}
	}
	return r;
}

int campaign_rotate_observers(struct campaign *campaign, const json_t *described,
			      struct tare_err *err)
{
	size_t given = campaign->n_groups;
	bool any = false;

	for (size_t i = 0; i < given; i++) {
		int r;

		if (json_array_size(campaign->groups[i].collectors) == 0)
			continue;
		any = true;
		if ((r = rotate(campaign, i, err)) < 0)
			return r;
	}
	for (size_t i = given; i < campaign->n_groups; i++) {
		int r = campaign_check_group(campaign, i, described, err);

		if (r < 0)
			return r;
	}
	return any ? 0
		   : err_set(err, EINVAL,
			     "no group has collectors to be weighed: name some, such as "
			     "-c syscalls,sched");
}
