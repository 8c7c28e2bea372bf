/* SPDX-License-Identifier: MIT */
#include "box/box.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "box/common/controllers.h"

#define NAMES_MAX 32

int box_find(const char *name, const struct box_ops **ret, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {0};
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (const struct box_ops *const *p = box_ops_table; *p; p++) {
		if (strcmp((*p)->name, name) == 0) {
			*ret = *p;
			return 0;
		}
		if (n < NAMES_MAX)
			names[n++] = (*p)->name;
	}
	return err_set(err, ENOENT, "no box '%.60s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

static const struct box_option *find_option(const struct box_ops *ops, const char *name)
{
	for (const struct box_option *o = ops->options; o && o->name; o++) {
		if (strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

/* values is a list "a|b" of what is allowed; without a "|" it only describes. */
static bool value_is_allowed(const char *values, const char *value)
{
	size_t length = strlen(value);

	if (length == 0 || !strchr(values, '|'))
		return length > 0;
	if (strchr(value, '|'))
		return false;
	for (const char *at = values; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
			return true;
	}
	return false;
}

static int unknown_option(const struct box_ops *ops, const char *name, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {0};
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (const struct box_option *o = ops->options; o && o->name && n < NAMES_MAX; o++)
		names[n++] = o->name;
	if (n == 0)
		return err_set(err, EINVAL, "box '%s' has no options, but '%.60s' is given",
			       ops->name, name);
	return err_set(err, EINVAL, "box '%s' has no option '%.60s'%s", ops->name, name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int box_check_options(const struct box_ops *ops, const json_t *options, struct tare_err *err)
{
	/* jansson iterates over a json_t that it does not change, but asks for one it may. */
	json_t *given = (json_t *)(uintptr_t)options; /* NOLINT(performance-no-int-to-ptr) */
	unsigned int controllers;
	const char *name;
	json_t *value;
	bool named;

	json_object_foreach(given, name, value)
	{
		const struct box_option *option = find_option(ops, name);
		const char *text = json_string_value(value);

		if (!option)
			return unknown_option(ops, name, err);
		if (!text || !value_is_allowed(option->values, text))
			return err_set(err, EINVAL, "box '%s': %s=%.60s is not one of %s",
				       ops->name, name, text ? text : "?", option->values);
	}
	return controllers_choose(ops, options, &controllers, &named, err);
}

int box_check_limits(const struct box_ops *ops, const json_t *limits, struct tare_err *err)
{
	if (json_object_get(limits, "ulimit") && ops->limits_itself)
		return err_set(err, ENOTSUP,
			       "limit 'ulimit': box '%s' sets what it starts its own limits: say "
			       "it to that runtime",
			       ops->name);
	if (!json_object_get(limits, "net-rate") || ops->shapes_network || ops->limits_itself)
		return 0;
	return err_set(err, ENOTSUP,
		       "limit 'net-rate': box '%s' has no network device of its own: use "
		       "container,net=veth",
		       ops->name);
}

const char *box_option(const struct box_ops *ops, const json_t *options, const char *name)
{
	const char *given = json_string_value(json_object_get(options, name));
	const struct box_option *option = find_option(ops, name);

	if (given)
		return given;
	return option ? option->fallback : NULL;
}

bool box_changes_root(const struct box_ops *ops, const json_t *options)
{
	const char *root = box_option(ops, options, "rootfs");

	return ops->has_root && !(root && strcmp(root, "host") == 0);
}

const char *box_load_path(const struct box *box, const struct box_place *place)
{
	if (box->image)
		return "/.tare/load";
	return box->ops->has_root && !box->host_root ? "/bin/tare-load" : place->load_path;
}

const char *box_work_path(const struct box *box, const struct box_place *place)
{
	return box->image || (box->ops->has_root && !box->host_root) ? "/work" : place->work_dir;
}
