/* SPDX-License-Identifier: MIT */
/* A campaign from the command line. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "engine/campaign.h"
#include "engine/campaign_internal.h"
#include "engine/ladder.h"
#include "machine/machine.h"

static bool says_what(const struct campaign_flags *flags)
{
	return flags->envs || flags->loads || flags->collectors || flags->has_mode ||
	       limits_given(&flags->limits);
}

static int read_envs(const struct campaign_flags *flags, struct campaign_group *group,
		     struct tare_err *err)
{
	int r = flags->envs ? 0 : args_parse_envs(CAMPAIGN_DEFAULT_ENVS, &group->envs, err);

	for (char **text = flags->envs; text && *text && r == 0; text++)
		r = err_wrap(err, args_parse_envs(*text, &group->envs, err), "-e");
	return r;
}

static int read_loads(const struct campaign_flags *flags, const json_t *described,
		      struct campaign_group *group, struct tare_err *err)
{
	int r = flags->loads
			? 0
			: args_parse_loads(CAMPAIGN_DEFAULT_LOADS, described, &group->loads, err);

	for (char **text = flags->loads; text && *text && r == 0; text++)
		r = err_wrap(err, args_parse_loads(*text, described, &group->loads, err), "-w");
	return r;
}

static int read_collectors(const struct campaign_flags *flags, struct campaign_group *group,
			   struct tare_err *err)
{
	int r = 0;

	for (char **text = flags->collectors; text && *text && r == 0; text++)
		r = err_wrap(err, args_parse_collectors(*text, group->collectors, err), "-c");
	return r;
}

/* One group of what the flags say. */
static int group_from_flags(const struct campaign_flags *flags, const json_t *described,
			    struct campaign *campaign, struct tare_err *err)
{
	struct campaign_group *group;
	int r = campaign_add_group(campaign, &group, err);

	if (r < 0 || (r = read_envs(flags, group, err)) < 0 ||
	    (r = read_loads(flags, described, group, err)) < 0 ||
	    (r = read_collectors(flags, group, err)) < 0)
		return r;
	(void)snprintf(group->name, sizeof(group->name), "run");
	group->limits = flags->limits;
	if (flags->has_mode)
		group->mode = (int)flags->mode;
	return campaign_check_group(campaign, 0, described, err);
}

/* Without -e the last step is a guest, where one can be booted. */
static int read_ends(const struct campaign_flags *flags, struct campaign_group *group,
		     struct tare_err *err)
{
	const struct machine_ops *vm;
	int r = 0;

	if (!flags->envs && geteuid() == 0 && machine_find("vm", &vm, NULL) == 0 &&
	    (!vm->probe || vm->probe(NULL) == 0))
		r = args_parse_envs("vm", &group->envs, err);
	for (char **text = flags->envs; text && *text && r == 0; text++)
		if (strcmp(*text, LADDER_WHOLE) != 0)
			r = err_wrap(err, args_parse_envs(*text, &group->envs, err), "-e");
	return r;
}

static int ladder_from_flags(const struct campaign_flags *flags, const json_t *described,
			     struct campaign *campaign, struct tare_err *err)
{
	struct campaign_group *group;
	struct cgroup_layout layout;
	int r = campaign_add_group(campaign, &group, err);

	if (r < 0 || (r = cgroup_layout_read(&layout, err)) < 0 ||
	    (r = ladder_add_steps(&layout, &group->envs, err)) < 0 ||
	    (r = read_ends(flags, group, err)) < 0)
		return r;
	r = flags->loads ? read_loads(flags, described, group, err)
			 : args_parse_loads(LADDER_LOADS, described, &group->loads, err);
	if (r < 0)
		return r;
	(void)snprintf(group->name, sizeof(group->name), "ladder");
	group->mode = TRIAL_BATCH;
	group->rounds = CAMPAIGN_LADDER_ROUNDS;
	campaign->ladder = true;
	campaign->slice_ns = CAMPAIGN_LADDER_SLICE_NS;
	campaign->passes = CAMPAIGN_LADDER_PASSES;
	campaign->time_budget_ns = CAMPAIGN_LADDER_BUDGET_NS;
	return campaign_check_group(campaign, 0, described, err);
}

/* What the flags say of the schedule holds for all groups. */
static void schedule_from_flags(const struct campaign_flags *flags, struct campaign *campaign)
{
	if (flags->slice_ns)
		campaign->slice_ns = flags->slice_ns;
	if (flags->passes)
		campaign->passes = flags->passes;
	if (flags->rounds_per_instance)
		campaign->rounds_per_instance = flags->rounds_per_instance;
	if (flags->has_seed)
		campaign->seed = flags->seed;
	campaign->has_seed |= flags->has_seed;
	campaign->same_rootfs |= flags->same_rootfs;
	if (flags->precision_pct > 0)
		campaign->precision_pct = flags->precision_pct;
	if (flags->effect_pct > 0)
		campaign->effect_pct = flags->effect_pct;
	if (flags->time_budget_ns)
		campaign->time_budget_ns = flags->time_budget_ns;
	for (size_t i = 0; i < campaign->n_groups; i++) {
		if (flags->rounds)
			campaign->groups[i].rounds = flags->rounds;
		else if (flags->precision_pct > 0 && !flags->file)
			campaign->groups[i].rounds = CAMPAIGN_PRECISION_ROUNDS;
		if (flags->solo_ns)
			campaign->groups[i].solo_ns = flags->solo_ns;
		if (flags->sample_ns)
			campaign->groups[i].sample_ns = flags->sample_ns;
	}
}

static int baseline_from_flags(const struct campaign_flags *flags, struct campaign *campaign,
			       struct tare_err *err)
{
	if (!flags->baseline)
		return 0;
	for (size_t i = 0; i < campaign->n_groups; i++) {
		const struct env_list *envs = &campaign->groups[i].envs;

		for (size_t j = 0; j < envs->n; j++) {
			if (strcmp(envs->items[j].label, flags->baseline) != 0)
				continue;
			memcpy(campaign->baseline, envs->items[j].label,
			       sizeof(campaign->baseline));
			return 0;
		}
	}
	return err_set(err, EINVAL, "--baseline: no environment is called '%.60s'",
		       flags->baseline);
}

static int fill_from_flags(const struct campaign_flags *flags, const json_t *described,
			   struct campaign *campaign, struct tare_err *err)
{
	int r;

	if (flags->file && says_what(flags))
		return err_set(err, EINVAL,
			       "'%.80s' says what to run already: leave out -e, -w, -c, --mode and "
			       "limits, or the file",
			       flags->file);
	if (flags->ladder)
		r = ladder_from_flags(flags, described, campaign, err);
	else if (flags->file)
		r = campaign_from_yaml(flags->file, described, campaign, err);
	else if (says_what(flags))
		r = group_from_flags(flags, described, campaign, err);
	else
		r = campaign_from_text("default campaign", campaign_default_text,
				       campaign_default_size, described, campaign, err);
	if (r < 0)
		return r;
	if (flags->has_rootfs && !flags->same_rootfs && campaign->same_rootfs)
		return err_set(err, EINVAL,
			       "--rootfs-mode own: '%.80s' says 'rootfs-mode: same'; leave it out "
			       "there",
			       flags->file);
	schedule_from_flags(flags, campaign);
	if (flags->observer || campaign->observer)
		r = campaign_rotate_observers(campaign, described, err);
	if (r < 0)
		return r;
	r = baseline_from_flags(flags, campaign, err);
	if (r == 0)
		r = campaign_check(campaign, err);
	campaign->self_test |= flags->self_test;
	if (r == 0 && campaign->self_test)
		r = campaign_add_self_test(campaign, described, err);
	return r;
}

int campaign_from_flags(const struct campaign_flags *flags, const json_t *described,
			struct campaign *ret, struct tare_err *err)
{
	struct campaign campaign;
	int r;

	campaign_begin(&campaign);
	r = fill_from_flags(flags, described, &campaign, err);
	if (r < 0) {
		campaign_clear(&campaign);
		return r;
	}
	*ret = campaign;
	return 0;
}
