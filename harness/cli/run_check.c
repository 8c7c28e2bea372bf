/* SPDX-License-Identifier: MIT */
#include "cli/run_check.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/log.h"
#include "cli/options.h"
#include "collector.h"
#include "engine/campaign.h"
#include "engine/engine.h"

int run_check_collectors(const struct campaign *campaign, bool asked, struct tare_err *err)
{
	cleanup_json json_t *seen = json_object();
	const json_t *name;
	size_t i;

	for (size_t g = 0; g < campaign->n_groups; g++) {
		if (!campaign_group_on_host(&campaign->groups[g]))
			continue;
		json_array_foreach(campaign->groups[g].collectors, i, name)
		{
			const struct collector_ops *ops;
			struct tare_err why = {0};
			const char *argument;
			int r = collector_find(json_string_value(name), &ops, &argument, err);

			if (r < 0)
				return r;
			if (json_object_get(seen, ops->name) || !ops->probe)
				continue;
			(void)json_object_set_new(seen, ops->name, json_true());
			r = ops->probe(&why);
			if (r < 0 && asked)
				return err_set(err, -r, "collector '%s': %s", ops->name, why.msg);
			if (r < 0)
				log_warn("collector '%s' cannot work here: %s", ops->name, why.msg);
		}
	}
	return 0;
}

static int check_env_rights(const struct env_list *envs, const struct limits *limits,
			    struct tare_err *err)
{
	char what[128];

	if (limits_any(limits) && command_needs_root("a limit", err) < 0)
		return -EPERM;
	for (size_t i = 0; i < envs->n; i++) {
		const struct env_choice *env = &envs->items[i];

		if (strcmp(env->machine, "host") == 0 && strcmp(env->box, "bare") == 0)
			continue;
		(void)snprintf(what, sizeof(what), "environment '%s'", env->label);
		if (command_needs_root(what, err) < 0)
			return -EPERM;
	}
	return 0;
}

int run_check_envs(const struct env_list *envs, const struct limits *limits, struct tare_err *err)
{
	int r = check_env_rights(envs, limits, err);

	for (size_t i = 0; i < envs->n && r == 0; i++)
		r = engine_check_env(&envs->items[i], err);
	return r;
}

int run_check_rights(const struct campaign *campaign, struct tare_err *err)
{
	int r = 0;

	for (size_t g = 0; g < campaign->n_groups && r == 0; g++)
		r = check_env_rights(&campaign->groups[g].envs, &campaign->groups[g].limits, err);
	return r;
}
