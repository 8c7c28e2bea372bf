/* SPDX-License-Identifier: MIT */
#include "engine/instances.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/journal.h"

static char *instance_key(const struct env_choice *env, const struct limits *limits)
{
	cleanup_json json_t *both =
		json_pack("{s:s, s:O?, s:o}", "machine", env->machine, "options",
			  env->machine_options, "limits", limits_to_json(limits));

	return both ? json_dumps(both, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
}

static struct instance *find(struct instances *instances, const char *key)
{
	for (size_t i = 0; i < instances->n; i++) {
		if (strcmp(instances->items[i].key, key) == 0)
			return &instances->items[i];
	}
	return NULL;
}

/* Once a run: every boot would say the same. */
static void warn(struct instances *instances, const struct env_choice *env, const json_t *described)
{
	const struct engine_config *c = instances->config;
	const char *warning = json_string_or(described, "warning", NULL);
	const struct engine_progress progress = {.load = env->label, .said = warning};

	if (!warning || instances->warned || !c->progress)
		return;
	instances->warned = true;
	c->progress(&progress, c->context);
}

/* A conductor that sits on the players' CPU must not leave a guest's other threads no CPU but that.
 */
static int open_anywhere(const struct instances *instances, const struct machine_ops *ops,
			 const struct machine_config *config, struct machine **ret,
			 struct tare_err *err)
{
	cpu_set_t seat;
	int r;

	if (sched_getaffinity(0, sizeof(seat), &seat) < 0)
		return err_errno(err, "sched_getaffinity");
	(void)sched_setaffinity(0, sizeof(instances->cpus), &instances->cpus);
	r = ops->open(config, ret, err);
	(void)sched_setaffinity(0, sizeof(seat), &seat);
	return r;
}

static int open_machine(struct instances *instances, const struct env_choice *env,
			const struct limits *limits, struct instance *ret, struct tare_err *err)
{
	const struct engine_config *c = instances->config;
	cleanup_json json_t *options = campaign_machine_options(c->campaign, env);
	const struct machine_ops *ops;
	uint64_t begun;
	char name[96];
	int r = machine_find(env->machine, &ops, err);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "tare-%s-m%u",
		       c->journal ? journal_name(c->journal) : "run", instances->number++);
	struct machine_config config = {
		.place = c->place,
		.options = options,
		.limits = *limits,
		.cpus = 1ULL << instances->players_cpu,
		.deadline_ns = instances->deadline_ns,
		.name = name,
		.journal = c->journal,
		.cache_dir = c->cache_dir,
		.libexec_dir = c->libexec_dir,
	};
	begun = clock_now_ns();
	r = open_anywhere(instances, ops, &config, &ret->machine, err);
	instances->opening_ns += clock_now_ns() - begun;
	if (r < 0)
		return err_wrap(err, r, "machine '%s'", env->machine);
	ret->described = ops->describe(ret->machine);
	/* The manifest has them once of each guest; not every record. */
	(void)json_object_del(ret->described, "mitigations");
	warn(instances, env, ret->described);
	return 0;
}

int instances_get(struct instances *instances, const struct env_choice *env,
		  const struct limits *limits, struct instance **ret, struct tare_err *err)
{
	cleanup_free char *key = instance_key(env, limits);
	struct instance *known = key ? find(instances, key) : NULL;
	struct instance made = {0};
	uint64_t begun;
	int r;

	if (!key)
		return err_set(err, ENOMEM, "out of memory");
	if (known) {
		*ret = known;
		return 0;
	}
	if (instances->n == INSTANCES_MAX)
		return err_set(err, E2BIG, "more than %d machines at once", INSTANCES_MAX);
	begun = clock_now_ns();
	r = open_machine(instances, env, limits, &made, err);
	instances->spent.boots_ns += clock_now_ns() - begun;
	if (r < 0)
		return r;
	made.key = take_pointer(key);
	instances->items[instances->n] = made;
	*ret = &instances->items[instances->n++];
	return 0;
}

/* How it ended is known only now, when its trials are written. */
static int take_down(struct instances *instances, const struct instance *in, struct tare_err *err)
{
	const struct machine_ops *ops = in->machine->ops;
	int stopped = ops->stop ? ops->stop(in->machine, err) : 0, closed;

	if (ops->stop) {
		cleanup_json json_t *described = ops->describe(in->machine);

		if (!instances->ended)
			instances->ended = json_array();
		(void)json_array_append_new(
			instances->ended,
			json_pack("{s:O*, s:s, s:O*, s:O*}", "id", json_object_get(described, "id"),
				  "machine", ops->name, "boot", json_object_get(described, "boot"),
				  "mitigations", json_object_get(described, "mitigations")));
	}
	closed = ops->close(in->machine, stopped < 0 ? NULL : err);
	return stopped < 0 ? stopped : closed;
}

enum which { BROKEN, HOSTS, ALL };

static bool is_meant(const struct instance *in, enum which which)
{
	return in->broken || which == ALL || (which == HOSTS && !in->machine->ops->is_guest);
}

static int close_some(struct instances *instances, enum which which, struct tare_err *err)
{
	uint64_t begun = clock_now_ns();
	size_t kept = 0;
	int first = 0;

	for (size_t i = 0; i < instances->n; i++) {
		struct instance *in = &instances->items[i];
		int r;

		if (!is_meant(in, which)) {
			instances->items[kept++] = *in;
			continue;
		}
		/* A broken machine has said what is wrong with it already. */
		r = take_down(instances, in, in->broken ? NULL : err);
		first = first || in->broken ? first : r;
		json_decref(in->described);
		free(in->key);
	}
	instances->n = kept;
	instances->spent.boots_ns += clock_now_ns() - begun;
	return first;
}

int instances_close_broken(struct instances *instances, struct tare_err *err)
{
	return close_some(instances, BROKEN, err);
}

int instances_close_hosts(struct instances *instances, struct tare_err *err)
{
	return close_some(instances, HOSTS, err);
}

int instances_close_all(struct instances *instances, struct tare_err *err)
{
	return close_some(instances, ALL, err);
}
