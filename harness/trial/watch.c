/* SPDX-License-Identifier: MIT */
#include "trial/watch.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

static int add(struct watch *watch, const struct collector_ops *ops, const char *argument,
	       bool named, struct tare_err *err)
{
	for (size_t i = 0; i < watch->n; i++) {
		if (watch->entries[i].ops == ops)
			return 0;
	}
	if (watch->n == WATCH_MAX)
		return err_set(err, E2BIG, "a trial takes at most %d collectors", WATCH_MAX);
	watch->entries[watch->n++] =
		(struct watch_entry){.ops = ops, .argument = argument, .named = named};
	return 0;
}

int watch_choose(struct watch *watch, const json_t *names, struct tare_err *err)
{
	json_t *name;
	size_t i;
	int r;

	*watch = (struct watch){0};
	json_array_foreach(names, i, name)
	{
		const struct collector_ops *ops;
		const char *argument;

		r = collector_find(json_string_value(name), &ops, &argument, err);
		if (r < 0 || (r = add(watch, ops, argument, true, err)) < 0)
			return r;
	}
	for (const struct collector_ops *const *ops = collector_ops_table; *ops; ops++) {
		if (!(*ops)->traces && (r = add(watch, *ops, NULL, false, err)) < 0)
			return r;
	}
	return 0;
}

int watch_choose_outside(struct watch *watch, const json_t *names, struct tare_err *err)
{
	json_t *name;
	size_t i;

	*watch = (struct watch){0};
	json_array_foreach(names, i, name)
	{
		const struct collector_ops *ops;
		const char *argument;
		int r = collector_find(json_string_value(name), &ops, &argument, err);

		if (r == 0 && ops->of_guest)
			r = add(watch, ops, argument, true, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int watch_choose_only(struct watch *watch, const char *const *names, struct tare_err *err)
{
	*watch = (struct watch){0};
	for (; *names; names++) {
		const struct collector_ops *ops;
		const char *argument;
		int r = collector_find(*names, &ops, &argument, err);

		if (r < 0 || (r = add(watch, ops, argument, false, err)) < 0)
			return r;
	}
	return 0;
}

json_t *watch_names_inside(const json_t *names)
{
	json_t *inside = json_array(), *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const struct collector_ops *ops;
		const char *argument;

		if (collector_find(json_string_value(name), &ops, &argument, NULL) < 0 ||
		    !ops->of_guest)
			(void)json_array_append(inside, name);
	}
	return inside;
}

unsigned int watch_controllers(const struct watch *watch)
{
	unsigned int controllers = 0;

	for (size_t i = 0; i < watch->n; i++)
		controllers |= watch->entries[i].ops->controllers;
	return controllers;
}

int watch_attach(struct watch *watch, const struct collector_target *target, struct tare_err *err)
{
	for (size_t i = 0; i < watch->n; i++) {
		struct watch_entry *e = &watch->entries[i];
		struct collector_target its = *target;
		struct tare_err why = {0};
		int r = e->ops->probe ? e->ops->probe(&why) : 0;

		if (r == 0 && !target->cgroup && !e->ops->of_guest && !e->ops->groupless)
			r = err_set(&why, ENOTSUP,
				    "without rights to make a cgroup there is none "
				    "to look at");
		its.argument = e->argument;
		its.named = e->named;
		if (r == 0)
			r = e->ops->attach(&its, &e->collector, &why);
		if (r == -ENOTSUP) {
			(void)snprintf(e->why, sizeof(e->why), "%s", why.msg);
			continue;
		}
		if (r < 0)
			return err_set(err, -r, "collector '%s': %.180s", e->ops->name, why.msg);
	}
	return 0;
}

void watch_born(struct watch *watch, pid_t pid)
{
	for (size_t i = 0; i < watch->n; i++) {
		const struct watch_entry *e = &watch->entries[i];

		if (e->collector && e->ops->born)
			e->ops->born(e->collector, pid);
	}
}

int watch_snapshot(struct watch *watch, enum collector_moment moment, struct tare_err *err)
{
	for (size_t i = 0; i < watch->n; i++) {
		struct watch_entry *e = &watch->entries[i];
		int r = e->collector ? e->ops->snapshot(e->collector, moment, err) : 0;

		if (r < 0)
			return err_wrap(err, r, "collector '%s'", e->ops->name);
	}
	return 0;
}

int watch_sample(struct watch *watch, uint64_t now_ns, struct tare_err *err)
{
	for (size_t i = 0; i < watch->n; i++) {
		struct watch_entry *e = &watch->entries[i];
		int r = 0;

		if (e->collector && e->ops->sample)
			r = e->ops->sample(e->collector, now_ns, err);
		if (r < 0)
			return err_wrap(err, r, "collector '%s'", e->ops->name);
	}
	return 0;
}

int watch_read(struct watch *watch, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *all = json_object();

	for (size_t i = 0; i < watch->n; i++) {
		struct watch_entry *e = &watch->entries[i];
		json_t *seen = NULL;
		int r = 0;

		if (e->collector)
			r = e->ops->read(e->collector, &seen, err);
		else
			seen = json_pack("{s:s}", "unsupported", e->why);
		if (r < 0)
			return err_wrap(err, r, "collector '%s'", e->ops->name);
		if (json_put(all, e->ops->name, seen) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = json_incref(all);
	return 0;
}

void watch_detach(struct watch *watch)
{
	for (size_t i = 0; i < watch->n; i++) {
		struct watch_entry *e = &watch->entries[i];

		if (e->collector)
			e->ops->detach(e->collector);
		e->collector = NULL;
	}
}
