/* SPDX-License-Identifier: MIT */
/* The scale tried on weights that are known: in each group that gives central figures every
 * environment is there once more, which is as heavy, and the baseline with something added to each
 * of its operations. To the schedule they are players as all others are. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "engine/campaign_internal.h"
#include "engine/set.h"

/* Known slowdowns, in smallest effects of interest. */
static const double multiples[] = {1, 3};

static int add_twin(struct env_list *list, const struct env_choice *of, double slowdown_pct,
		    struct tare_err *err)
{
	struct env_choice twin = *of;
	int n = slowdown_pct > 0 ? snprintf(twin.label, sizeof(twin.label), "%s:plus-%g", of->label,
					    slowdown_pct)
				 : snprintf(twin.label, sizeof(twin.label), "%s:again", of->label);

	if (n >= (int)sizeof(twin.label))
		return err_set(err, ENAMETOOLONG,
			       "environment '%s': its label is too long to be tested under "
			       "another: write -e LABEL=...",
			       of->label);
	memcpy(twin.twin_of, of->label, sizeof(twin.twin_of));
	twin.slowdown_pct = slowdown_pct;
	json_incref(twin.machine_options);
	json_incref(twin.options);
	return env_list_append(list, &twin, err);
}

/* Central figures are of turns that nobody watches. */
static bool is_central(const struct campaign_group *group, const json_t *described)
{
	if (json_array_size(group->collectors) > 0)
		return false;
	for (size_t i = 0; i < group->loads.n; i++) {
		const char *load = group->loads.items[i].name;

		if (campaign_takes_turns(group, described, load) &&
		    campaign_mode(group, described, load) == TRIAL_BATCH)
			return true;
	}
	return false;
}

static int check_loads(const struct campaign_group *group, struct tare_err *err)
{
	for (size_t i = 0; i < group->loads.n; i++)
		if (json_object_get(group->loads.items[i].params, "delay"))
			return err_set(err, EINVAL,
				       "self-test: load '%s' of group '%s' has a delay of its own: "
				       "leave it out, known slowdowns are added",
				       group->loads.items[i].name, group->name);
	return 0;
}

static int test_group(struct campaign_group *group, const char *baseline, double effect_pct,
		      struct tare_err *err)
{
	size_t given = group->envs.n;
	int r = check_loads(group, err);

	for (size_t i = 0; i < given && r == 0; i++) {
		const struct env_choice of = group->envs.items[i]; /* the list moves */

		r = add_twin(&group->envs, &of, 0, err);
		for (size_t m = 0; m < sizeof(multiples) / sizeof(*multiples) && r == 0; m++)
			if (strcmp(of.label, baseline) == 0)
				r = add_twin(&group->envs, &of, multiples[m] * effect_pct, err);
	}
	if (r == 0 && group->envs.n > SET_ENVS_MAX)
		r = err_set(err, E2BIG,
			    "self-test: group '%s' would have %zu environments, at most %d take "
			    "turns: name fewer",
			    group->name, group->envs.n, SET_ENVS_MAX);
	return r;
}

int campaign_add_self_test(struct campaign *campaign, const json_t *described, struct tare_err *err)
{
	bool any = false;

	if (campaign->ladder)
		return err_set(err, EINVAL,
			       "self-test: a ladder has no baseline to be tried on: test its "
			       "environments in a group of their own");
	for (size_t i = 0; i < campaign->n_groups; i++) {
		struct campaign_group *group = &campaign->groups[i];
		int r;

		if (!is_central(group, described))
			continue;
		any = true;
		r = test_group(group, campaign->baseline, campaign->effect_pct, err);
		if (r < 0)
			return r;
	}
	return any ? 0
		   : err_set(err, EINVAL,
			     "self-test: no group gives central figures: in one, a load has to "
			     "take "
			     "turns in batch mode, without collectors");
}
