/* SPDX-License-Identifier: MIT */
#include "engine/site.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "engine/args.h"
#include "kernel/journal.h"
#include "machine/machine.h"

int site_open(const struct site *site, const struct site_machine *wanted, struct machine **ret,
	      struct tare_err *err)
{
	const struct machine_ops *ops = NULL;
	char name[96];
	const struct machine_config config = {
		.place = site->place,
		.options = wanted->env->machine_options,
		.limits = wanted->limits ? *wanted->limits : (struct limits){0},
		.saved_will_do = wanted->saved_will_do,
		.name = name,
		.journal = site->journal,
		.cache_dir = site->cache_dir,
		.libexec_dir = site->libexec_dir,
	};
	int r = machine_find(wanted->env->machine, &ops, err);

	(void)snprintf(name, sizeof(name), "tare-%s-m%u", journal_name(site->journal),
		       wanted->number);
	return r < 0 ? r : ops->open(&config, ret, err);
}

int site_spec(const struct env_choice *env, struct trial_spec *ret, struct tare_err *err)
{
	*ret = (struct trial_spec){
		.machine_options = json_incref(env->machine_options),
		.options = json_incref(env->options),
		.params = json_object(),
		.collectors = json_array(),
	};
	memcpy(ret->env, env->label, sizeof(ret->env));
	memcpy(ret->machine, env->machine, sizeof(ret->machine));
	memcpy(ret->box, env->box, sizeof(ret->box));
	(void)snprintf(ret->load, sizeof(ret->load), "exec");
	return ret->params && ret->collectors ? 0 : err_set(err, ENOMEM, "out of memory");
}
