/* SPDX-License-Identifier: MIT */
#include "engine/campaign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "engine/campaign_internal.h"
#include "machine/machine.h"

void campaign_begin(struct campaign *ret)
{
	*ret = (struct campaign){
		.slice_ns = CAMPAIGN_DEFAULT_SLICE_NS,
		.passes = CAMPAIGN_DEFAULT_PASSES,
		.rounds_per_instance = 1,
		.effect_pct = CAMPAIGN_DEFAULT_EFFECT,
	};
}

int campaign_add_group(struct campaign *campaign, struct campaign_group **ret, struct tare_err *err)
{
	struct campaign_group *groups, *group;

	if (campaign->n_groups == CAMPAIGN_GROUPS_MAX)
		return err_set(err, EINVAL, "more than %d groups", CAMPAIGN_GROUPS_MAX);
	groups = reallocarray(campaign->groups, campaign->n_groups + 1, sizeof(*groups));
	if (!groups)
		return err_set(err, ENOMEM, "out of memory");
	campaign->groups = groups;
	group = &groups[campaign->n_groups];
	*group = (struct campaign_group){
		.collectors = json_array(),
		.mode = CAMPAIGN_MODE_BY_LOAD,
		.rounds = CAMPAIGN_DEFAULT_ROUNDS,
		.solo_ns = CAMPAIGN_DEFAULT_SOLO_NS,
	};
	if (!group->collectors)
		return err_set(err, ENOMEM, "out of memory");
	campaign->n_groups++;
	*ret = group;
	return 0;
}

void campaign_clear(struct campaign *campaign)
{
	for (size_t i = 0; i < campaign->n_groups; i++) {
		env_list_free(&campaign->groups[i].envs);
		load_list_free(&campaign->groups[i].loads);
		json_decref(campaign->groups[i].collectors);
	}
	free(campaign->groups);
	*campaign = (struct campaign){0};
}

/* A limit that the players of a pass would share out among them, or that would be met only by
 * one that runs all the time. */
static bool limits_forbid_turns(const struct limits *limits)
{
	return limits->cpus > 0 || limits->memory_bytes > 0 || limits->n_devices > 0;
}

enum trial_mode campaign_mode(const struct campaign_group *group, const json_t *described,
			      const char *load)
{
	if (group->mode != CAMPAIGN_MODE_BY_LOAD)
		return (enum trial_mode)group->mode;
	if (load_is_solo(described, load) || limits_forbid_turns(&group->limits))
		return TRIAL_SOLO;
	return TRIAL_BATCH;
}

bool campaign_takes_turns(const struct campaign_group *group, const json_t *described,
			  const char *load)
{
	return campaign_mode(group, described, load) != TRIAL_SOLO &&
	       !load_is_solo(described, load) && !limits_forbid_turns(&group->limits);
}

bool campaign_group_on_host(const struct campaign_group *group)
{
	const struct machine_ops *machine;

	for (size_t i = 0; i < group->envs.n; i++) {
		if (machine_find(group->envs.items[i].machine, &machine, NULL) == 0 &&
		    !machine->is_guest)
			return true;
	}
	return false;
}

static int check_mode(const struct campaign_group *group, const json_t *described,
		      struct tare_err *err)
{
	if (group->mode != TRIAL_BATCH)
		return 0;
	if (limits_forbid_turns(&group->limits))
		return err_set(err, EINVAL,
			       "group '%s': with limits of CPU, memory or I/O nothing takes turns: "
			       "leave the mode out, or write solo or latency",
			       group->name);
	for (size_t i = 0; i < group->loads.n; i++) {
		if (load_is_solo(described, group->loads.items[i].name))
			return err_set(err, EINVAL,
				       "group '%s': load '%s' cannot take turns: leave the mode "
				       "out, or write solo or latency",
				       group->name, group->loads.items[i].name);
	}
	return 0;
}

int campaign_check_group(struct campaign *campaign, size_t at, const json_t *described,
			 struct tare_err *err)
{
	struct campaign_group *group = &campaign->groups[at];

	if (!text_is_name(group->name))
		return err_set(err, EINVAL,
			       "group '%.60s': a name is of small letters, digits, '.', '_', '-'",
			       group->name);
	for (size_t i = 0; i < at; i++)
		if (strcmp(campaign->groups[i].name, group->name) == 0)
			return err_set(err, EINVAL, "two groups are called '%s'", group->name);
	if (group->envs.n == 0)
		return err_set(err, EINVAL, "group '%s' has no envs", group->name);
	if (group->loads.n == 0)
		return err_set(err, EINVAL, "group '%s' has no loads", group->name);
	if (group->sample_ns == 0 && limits_any(&group->limits))
		group->sample_ns = CAMPAIGN_DEFAULT_SAMPLE_NS;
	return check_mode(group, described, err);
}

static const struct env_choice *find_label(const struct env_list *envs, const char *label)
{
	for (size_t i = 0; i < envs->n; i++)
		if (strcmp(envs->items[i].label, label) == 0)
			return &envs->items[i];
	return NULL;
}

static bool same_env(const struct env_choice *a, const struct env_choice *b)
{
	return strcmp(a->machine, b->machine) == 0 && strcmp(a->box, b->box) == 0 &&
	       json_equal(a->machine_options, b->machine_options) &&
	       json_equal(a->options, b->options);
}

/* One label is one environment, in all groups. */
static int check_labels(const struct campaign *campaign, size_t at, struct tare_err *err)
{
	const struct env_list *envs = &campaign->groups[at].envs;

	for (size_t i = 0; i < at; i++) {
		for (size_t j = 0; j < envs->n; j++) {
			const struct env_choice *other =
				find_label(&campaign->groups[i].envs, envs->items[j].label);

			if (other && !same_env(other, &envs->items[j]))
				return err_set(err, EINVAL,
					       "'%s' is another environment in group '%s' than in "
					       "group '%s'",
					       other->label, campaign->groups[at].name,
					       campaign->groups[i].name);
		}
	}
	return 0;
}

int campaign_check(struct campaign *campaign, struct tare_err *err)
{
	int r;

	if (campaign->n_groups == 0)
		return err_set(err, EINVAL, "there are no groups");
	if (!campaign->baseline[0])
		memcpy(campaign->baseline, campaign->groups[0].envs.items[0].label,
		       sizeof(campaign->baseline));
	r = campaign_check_rootfs(campaign, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < campaign->n_groups; i++) {
		const struct campaign_group *group = &campaign->groups[i];

		r = check_labels(campaign, i, err);
		if (r < 0)
			return r;
		if (group->envs.n > 1 && !find_label(&group->envs, campaign->baseline))
			return err_set(err, EINVAL,
				       "group '%s' lacks the baseline '%s': add it to its envs, or "
				       "name another baseline",
				       group->name, campaign->baseline);
	}
	if (campaign->ladder && (campaign->n_groups != 1 || campaign->groups[0].envs.n < 2))
		return err_set(err, EINVAL,
			       "a ladder is one group of two environments or more, in order");
	return campaign_check_schedule(campaign, err);
}

static int check_time(const char *what, uint64_t value, uint64_t min, uint64_t max,
		      struct tare_err *err)
{
	if (value >= min && value <= max)
		return 0;
	return err_set(err, EINVAL, "%s: %llu us is not within %llu us to %llu us", what,
		       (unsigned long long)(value / NS_PER_US),
		       (unsigned long long)(min / NS_PER_US),
		       (unsigned long long)(max / NS_PER_US));
}

int campaign_check_schedule(const struct campaign *campaign, struct tare_err *err)
{
	int r = check_time("slice", campaign->slice_ns, 10 * NS_PER_US, NS_PER_S, err);

	if (r < 0)
		return r;
	if (campaign->passes < 1 || campaign->passes > CAMPAIGN_PASSES_MAX)
		return err_set(err, EINVAL, "passes: %llu is not within 1 to %d",
			       (unsigned long long)campaign->passes, CAMPAIGN_PASSES_MAX);
	if (campaign->rounds_per_instance < 1 ||
	    campaign->rounds_per_instance > CAMPAIGN_ROUNDS_MAX)
		return err_set(err, EINVAL, "rounds-per-instance: %llu is not within 1 to %d",
			       (unsigned long long)campaign->rounds_per_instance,
			       CAMPAIGN_ROUNDS_MAX);
	if (campaign->ladder && campaign->rounds_per_instance > 1)
		return err_set(err, EINVAL,
			       "rounds-per-instance: a ladder boots its guests anew "
			       "for every round");
	for (size_t i = 0; i < campaign->n_groups; i++) {
		const struct campaign_group *group = &campaign->groups[i];

		if (group->rounds < 1 || group->rounds > CAMPAIGN_ROUNDS_MAX)
			return err_set(err, EINVAL,
				       "group '%s': rounds: %llu is not within 1 to %d",
				       group->name, (unsigned long long)group->rounds,
				       CAMPAIGN_ROUNDS_MAX);
		if ((r = check_time("duration", group->solo_ns, 10 * NS_PER_MS, 3600 * NS_PER_S,
				    err)) < 0)
			return r;
		if (group->sample_ns &&
		    (r = check_time("sample", group->sample_ns, NS_PER_MS, 60 * NS_PER_S, err)) < 0)
			return r;
	}
	return 0;
}
