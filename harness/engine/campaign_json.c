/* SPDX-License-Identifier: MIT */
/* A campaign in a manifest, and back for a run that is resumed. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/campaign.h"
#include "engine/campaign_internal.h"

static json_t *labels_to_json(const struct env_list *envs)
{
	json_t *labels = json_array();

	for (size_t i = 0; labels && i < envs->n; i++)
		(void)json_array_append_new(labels, json_string(envs->items[i].label));
	return labels;
}

static json_t *loads_to_json(const struct load_list *loads)
{
	json_t *texts = json_array();

	for (size_t i = 0; texts && i < loads->n; i++) {
		char *text = load_choice_text(&loads->items[i]);

		(void)json_array_append_new(texts, json_string(text ? text : ""));
		free(text);
	}
	return texts;
}

static json_t *group_to_json(const struct campaign_group *group)
{
	json_t *mode = group->mode == CAMPAIGN_MODE_BY_LOAD
			       ? json_null()
			       : json_string(trial_mode_name((enum trial_mode)group->mode));

	return json_pack("{s:s, s:o, s:o, s:o, s:O, s:o, s:o, s:o, s:o}", "name", group->name,
			 "envs", labels_to_json(&group->envs), "loads",
			 loads_to_json(&group->loads), "limits", limits_to_json(&group->limits),
			 "collectors", group->collectors, "mode", mode, "rounds",
			 json_u64(group->rounds), "duration_ns", json_u64(group->solo_ns),
			 "sample_ns", json_u64(group->sample_ns));
}

json_t *campaign_to_json(const struct campaign *campaign)
{
	json_t *steps = campaign->ladder ? labels_to_json(&campaign->groups[0].envs) : NULL;
	json_t *groups = json_array();

	for (size_t i = 0; groups && i < campaign->n_groups; i++)
		(void)json_array_append_new(groups, group_to_json(&campaign->groups[i]));
	return json_pack(
		"{s:o, s:o, s:o, s:o*, s:o, s:o, s:o, s:s, s:o*, s:s*, s:o*}", "groups", groups,
		"slice_ns", json_u64(campaign->slice_ns), "passes", json_u64(campaign->passes),
		"rounds_per_instance",
		campaign->rounds_per_instance > 1 ? json_u64(campaign->rounds_per_instance) : NULL,
		"precision_pct",
		campaign->precision_pct > 0 ? json_real(campaign->precision_pct) : json_null(),
		"time_budget_ns",
		campaign->time_budget_ns ? json_u64(campaign->time_budget_ns) : json_null(),
		"effect_pct", json_real(campaign->effect_pct), "baseline", campaign->baseline,
		"ladder", steps, "rootfs_mode", campaign->same_rootfs ? "same" : NULL, "self_test",
		campaign->self_test ? json_true() : NULL);
}

static bool has_label(const json_t *envs, const char *label)
{
	const json_t *env;
	size_t i;

	json_array_foreach(envs, i, env)
	{
		if (strcmp(json_string_or(env, "label", ""), label) == 0)
			return true;
	}
	return false;
}

json_t *campaign_envs_to_json(const struct campaign *campaign)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < campaign->n_groups; i++) {
		const struct env_list *envs = &campaign->groups[i].envs;

		for (size_t j = 0; j < envs->n; j++) {
			if (!has_label(all, envs->items[j].label))
				(void)json_array_append_new(all,
							    env_choice_to_json(&envs->items[j]));
		}
	}
	return all;
}

static int read_env(const json_t *all, const char *label, struct env_list *list,
		    struct tare_err *err)
{
	struct env_choice *items;
	const json_t *env;
	size_t i;

	json_array_foreach(all, i, env)
	{
		int r;

		if (strcmp(json_string_or(env, "label", ""), label) != 0)
			continue;
		items = reallocarray(list->items, list->n + 1, sizeof(*items));
		if (!items)
			return err_set(err, ENOMEM, "out of memory");
		list->items = items;
		r = env_choice_from_json(env, &items[list->n], err);
		if (r == 0)
			list->n++;
		return r;
	}
	return err_set(err, EBADMSG, "'envs' lacks '%.60s'", label);
}

/* The text at index of the list `key`: 1, or 0 at its end. */
static int each_text(const json_t *object, const char *key, size_t index, const char **ret,
		     struct tare_err *err)
{
	const json_t *item;
	json_t *list;
	int r = json_read_array(object, key, &list, err);

	if (r < 0)
		return r;
	if (index >= json_array_size(list))
		return 0;
	item = json_array_get(list, index);
	if (!json_is_string(item))
		return err_set(err, EBADMSG, "'%s' holds something that is no text", key);
	*ret = json_string_value(item);
	return 1;
}

static int read_lists(const json_t *object, const json_t *envs, const json_t *described,
		      struct campaign_group *group, struct tare_err *err)
{
	const char *text = "";
	int r;

	for (size_t i = 0; (r = each_text(object, "envs", i, &text, err)) == 1; i++)
		if ((r = read_env(envs, text, &group->envs, err)) < 0)
			break;
	if (r < 0)
		return r;
	for (size_t i = 0; (r = each_text(object, "loads", i, &text, err)) == 1; i++)
		if ((r = args_parse_loads(text, described, &group->loads, err)) < 0)
			break;
	if (r < 0)
		return r;
	for (size_t i = 0; (r = each_text(object, "collectors", i, &text, err)) == 1; i++)
		if ((r = args_parse_collectors(text, group->collectors, err)) < 0)
			break;
	return r;
}

static int read_mode(const json_t *object, struct campaign_group *group, struct tare_err *err)
{
	const char *text = json_string_or(object, "mode", NULL);
	enum trial_mode mode;
	int r;

	if (!text)
		return 0;
	r = trial_mode_parse(text, &mode, err);
	if (r == 0)
		group->mode = (int)mode;
	return r;
}

static int read_group(const json_t *object, const json_t *envs, const json_t *described,
		      struct campaign *campaign, struct tare_err *err)
{
	struct campaign_group *group;
	const char *name;
	json_t *limits;
	int r;

	if ((r = campaign_add_group(campaign, &group, err)) < 0 ||
	    (r = json_read_string(object, "name", &name, err)) < 0)
		return r;
	(void)snprintf(group->name, sizeof(group->name), "%s", name);
	if ((r = json_read_object(object, "limits", &limits, err)) < 0 ||
	    (r = limits_from_json(limits, &group->limits, err)) < 0 ||
	    (r = read_lists(object, envs, described, group, err)) < 0 ||
	    (r = read_mode(object, group, err)) < 0 ||
	    (r = json_read_u64(object, "rounds", &group->rounds, err)) < 0 ||
	    (r = json_read_u64(object, "duration_ns", &group->solo_ns, err)) < 0 ||
	    (r = json_read_u64(object, "sample_ns", &group->sample_ns, err)) < 0)
		return r;
	return campaign_check_group(campaign, campaign->n_groups - 1, described, err);
}

static int read_campaign(const json_t *object, const json_t *envs, const json_t *described,
			 struct campaign *campaign, struct tare_err *err)
{
	const char *baseline;
	const json_t *group;
	json_t *groups;
	size_t i;
	int r;

	if ((r = json_read_array(object, "groups", &groups, err)) < 0 ||
	    (r = json_read_u64(object, "slice_ns", &campaign->slice_ns, err)) < 0 ||
	    (r = json_read_u64(object, "passes", &campaign->passes, err)) < 0 ||
	    (r = json_read_double(object, "effect_pct", &campaign->effect_pct, err)) < 0 ||
	    (r = json_read_string(object, "baseline", &baseline, err)) < 0)
		return r;
	campaign->precision_pct = json_double_or(object, "precision_pct", 0);
	campaign->rounds_per_instance = json_u64_or(object, "rounds_per_instance", 1);
	campaign->time_budget_ns = json_u64_or(object, "time_budget_ns", 0);
	campaign->ladder = json_is_array(json_object_get(object, "ladder"));
	campaign->self_test = json_bool_or(object, "self_test", false);
	campaign->same_rootfs = strcmp(json_string_or(object, "rootfs_mode", ""), "same") == 0;
	if (!text_is_label(baseline))
		return err_set(err, EBADMSG, "'baseline' is no label: '%.60s'", baseline);
	(void)snprintf(campaign->baseline, sizeof(campaign->baseline), "%s", baseline);
	json_array_foreach(groups, i, group)
	{
		r = read_group(group, envs, described, campaign, err);
		if (r < 0)
			return err_wrap(err, r, "groups[%zu]", i);
	}
	return campaign_check(campaign, err);
}

int campaign_from_json(const json_t *object, const json_t *envs, const json_t *described,
		       struct campaign *ret, struct tare_err *err)
{
	struct campaign campaign;
	int r;

	campaign_begin(&campaign);
	r = read_campaign(object, envs, described, &campaign, err);
	if (r < 0) {
		campaign_clear(&campaign);
		return r;
	}
	*ret = campaign;
	return 0;
}
