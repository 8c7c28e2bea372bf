/* SPDX-License-Identifier: MIT */
/* The loads of -w: names, globs and groups, against what tare-load says of itself. */

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/args.h"
#include "engine/args_pieces.h"

#define NAMES_MAX 128

/* Groups that follow from what a load is. */
static const char *const derived_groups[] = {"all", "turns", "solo", NULL};

static const json_t *loads_of(const json_t *described)
{
	return json_object_get(described, "loads");
}

const json_t *load_description(const json_t *described, const char *name)
{
	const json_t *load;
	size_t i;

	json_array_foreach(loads_of(described), i, load)
	{
		if (strcmp(json_string_or(load, "name", ""), name) == 0)
			return load;
	}
	return NULL;
}

bool load_is_solo(const json_t *described, const char *name)
{
	return json_bool_or(load_description(described, name), "solo", false);
}

static bool is_in_group(const json_t *load, const char *group)
{
	bool solo = json_bool_or(load, "solo", false);
	const json_t *name;
	size_t i;

	if (strcmp(group, "all") == 0)
		return true;
	if (strcmp(group, "turns") == 0 || strcmp(group, "solo") == 0)
		return solo == (group[0] == 's');
	json_array_foreach(json_object_get(load, "groups"), i, name)
	{
		if (json_is_string(name) && strcmp(json_string_value(name), group) == 0)
			return true;
	}
	return false;
}

static bool matches(const json_t *load, const char *pattern)
{
	const char *name = json_string_or(load, "name", "");

	if (pattern[0] == '@')
		return is_in_group(load, pattern + 1);
	return fnmatch(pattern, name, 0) == 0;
}

static bool is_listed(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int unknown_load(const json_t *described, const char *pattern, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1], *near;
	const json_t *load, *group;
	bool is_group = pattern[0] == '@';
	char hint[TEXT_HINT_SIZE] = "";
	size_t n = 0, i, j;

	for (i = 0; is_group && derived_groups[i]; i++)
		names[n++] = derived_groups[i];
	json_array_foreach(loads_of(described), i, load)
	{
		const char *name = json_string_or(load, "name", "");

		if (!is_group && n < NAMES_MAX)
			names[n++] = name;
		json_array_foreach(json_object_get(load, "groups"), j, group)
		{
			name = json_is_string(group) ? json_string_value(group) : "";
			if (is_group && n < NAMES_MAX && !is_listed(names, n, name))
				names[n++] = name;
		}
	}
	names[n] = NULL;
	near = text_did_you_mean(pattern + is_group, names);
	if (near)
		(void)snprintf(hint, sizeof(hint), ", did you mean '%s%s'?", is_group ? "@" : "",
			       near);
	return err_set(err, ENOENT, "no %s '%.40s'%s", is_group ? "group of loads" : "load",
		       pattern, hint);
}

static int check_param(const json_t *load, const char *key, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1];
	const json_t *param;
	char hint[TEXT_HINT_SIZE];
	size_t n = 0, i;

	json_array_foreach(json_object_get(load, "params"), i, param)
	{
		if (n < NAMES_MAX)
			names[n++] = json_string_or(param, "name", "");
	}
	names[n] = NULL;
	if (is_listed(names, n, key))
		return 0;
	return err_set(err, EINVAL, "load '%s' has no parameter '%.40s'%s",
		       json_string_or(load, "name", "?"), key,
		       text_hint(key, names, hint, sizeof(hint)));
}

static int read_params(const json_t *load, const struct args_item *item, json_t **ret,
		       struct tare_err *err)
{
	cleanup_json json_t *params = json_object();

	for (size_t i = 0; i < item->n_options; i++) {
		const char *key = item->options[i].key, *value = item->options[i].value;
		int r = check_param(load, key, err);

		if (r < 0)
			return r;
		if (json_object_get(params, key))
			return err_set(err, EINVAL, "load '%s': parameter '%s' is given twice",
				       item->name, key);
		if (json_object_set_new(params, key, json_string(value)) < 0)
			return err_set(err, EINVAL, "load '%s': parameter '%s' is no valid text",
				       item->name, key);
	}
	if (!params)
		return err_set(err, ENOMEM, "out of memory");
	*ret = json_incref(params);
	return 0;
}

static bool list_has(const struct load_list *list, const char *name, const json_t *params)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i].name, name) == 0 &&
		    json_equal(list->items[i].params, params))
			return true;
	}
	return false;
}

static int add_load(const json_t *load, const struct args_item *item, bool is_pattern,
		    struct load_list *list, struct tare_err *err)
{
	const char *name = json_string_or(load, "name", "");
	cleanup_json json_t *params = NULL;
	struct load_choice *items;
	int r = read_params(load, item, &params, err);

	if (r < 0)
		return r;
	if (list_has(list, name, params))
		return is_pattern ? 0 : err_set(err, EEXIST, "load '%s' is given twice", name);
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return err_set(err, ENOMEM, "out of memory");
	list->items = items;
	items[list->n] = (struct load_choice){.params = take_pointer(params)};
	(void)snprintf(items[list->n].name, sizeof(items[list->n].name), "%s", name);
	list->n++;
	return 0;
}

static int add_item(const struct args_item *item, const json_t *described, struct load_list *list,
		    struct tare_err *err)
{
	bool is_pattern = item->name[0] == '@' || strpbrk(item->name, "*?[") != NULL;
	bool found = false;
	const json_t *load;
	size_t i;

	json_array_foreach(loads_of(described), i, load)
	{
		int r;

		if (!matches(load, item->name))
			continue;
		found = true;
		r = add_load(load, item, is_pattern, list, err);
		if (r < 0)
			return r;
	}
	return found ? 0 : unknown_load(described, item->name, err);
}

int args_parse_loads(const char *text, const json_t *described, struct load_list *list,
		     struct tare_err *err)
{
	struct args_pieces pieces;
	struct args_item item;
	int r = args_pieces_open(text, ARGS_PLAIN, &pieces, err);

	if (r < 0)
		return r;
	while ((r = args_pieces_next(&pieces, &item, err)) == 1) {
		r = add_item(&item, described, list, err);
		if (r < 0)
			break;
	}
	args_pieces_close(&pieces);
	return r;
}

int load_list_copy(struct load_list *ret, const struct load_list *list, struct tare_err *err)
{
	struct load_choice *items = calloc(list->n + 1, sizeof(*items));

	if (!items)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < list->n; i++) {
		items[i] = list->items[i];
		json_incref(items[i].params);
	}
	*ret = (struct load_list){items, list->n};
	return 0;
}

void load_list_free(struct load_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		json_decref(list->items[i].params);
	free(list->items);
	*list = (struct load_list){0};
}
