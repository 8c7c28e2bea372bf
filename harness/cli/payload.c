/* SPDX-License-Identifier: MIT */
#include "cli/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "box/common/imaged.h"
#include "cli/places.h"
#include "kernel/journal.h"
#include "machine/machine.h"

char **payload_variables(char *const *given, size_t n_given, bool native, bool image)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/root";
	size_t n = 0, room = n_given + 4;
	char **envp;

	for (char **e = environ; native && *e; e++)
		room++;
	envp = calloc(room, sizeof(*envp));
	if (!envp)
		return NULL;
	/* The first of two with one name counts. */
	for (size_t i = n_given; i > 0; i--)
		envp[n++] = given[i - 1];
	for (char **e = environ; *e; e++)
		if (native || strncmp(*e, "TERM=", 5) == 0)
			envp[n++] = *e;
	if (!native && !image) {
		envp[n++] = path;
		envp[n++] = home;
	}
	return envp;
}

const char *payload_image(const struct env_choice *env)
{
	const char *name = json_string_value(json_object_get(env->options, "image"));

	return name && strcmp(name, IMAGED_NONE) != 0 ? name : NULL;
}

int payload_spec(const struct env_choice *env, const struct limits *limits, json_t *extras,
		 struct trial_spec *ret, struct tare_err *err)
{
	*ret = (struct trial_spec){.limits = *limits};
	memcpy(ret->env, env->label, sizeof(ret->env));
	memcpy(ret->machine, env->machine, sizeof(ret->machine));
	memcpy(ret->box, env->box, sizeof(ret->box));
	(void)snprintf(ret->load, sizeof(ret->load), "exec");
	ret->machine_options = json_incref(env->machine_options);
	ret->options = json_incref(env->options);
	ret->extras = json_incref(extras);
	ret->params = json_object();
	ret->collectors = json_array();
	return ret->params && ret->collectors ? 0 : err_set(err, ENOMEM, "out of memory");
}

int payload_open(struct places *places, const struct env_choice *env, unsigned int number,
		 const struct limits *limits, struct machine **ret, struct tare_err *err)
{
	const struct machine_ops *ops = NULL;
	char name[96];
	const struct machine_config config = {
		.place = &places->trial,
		.options = env->machine_options,
		.limits = limits ? *limits : (struct limits){0},
		.saved_will_do = true,
		.name = name,
		.journal = places->journal,
		.cache_dir = places->cache_dir,
		.libexec_dir = places->libexec_dir,
	};
	int r = machine_find(env->machine, &ops, err);

	(void)snprintf(name, sizeof(name), "tare-%s-m%u", journal_name(places->journal), number);
	return r < 0 ? r : ops->open(&config, ret, err);
}
