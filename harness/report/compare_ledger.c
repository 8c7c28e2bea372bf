/* SPDX-License-Identifier: MIT */
/* What else is different between two runs: whatever their manifests and instances say. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "report/compare_internal.h"
#include "report/summary.h"

#define DIFFERENCES_MAX 200
#define DEPTH_MAX       6
#define VALUE_MAX       200 /* bytes shown of a value */
#define PATH_MAX_BYTES  256

/* A value as it is shown; null where there is none. */
static json_t *shown(const json_t *value)
{
	cleanup_free char *text = NULL;

	if (!value || json_is_null(value))
		return json_null();
	if (json_is_string(value))
		text = strdup(json_string_value(value));
	else
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS |
						 JSON_REAL_PRECISION(12));
	if (!text)
		return json_null();
	if (strlen(text) > VALUE_MAX)
		memcpy(text + VALUE_MAX - 3, "...", 4);
	return json_string(text_make_printable(text));
}

static void add(json_t *list, const char *path, const json_t *a, const json_t *b)
{
	if (json_array_size(list) < DIFFERENCES_MAX)
		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "what", path, "a",
							    shown(a), "b", shown(b)));
}

/* A list of things that have names, as an object of them; NULL: it is no such list. */
static json_t *by_name(const json_t *list)
{
	json_t *object = json_object();
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		json_t *item = json_array_get(list, i);
		const char *name = json_string_or(item, "label", json_string_or(item, "name", ""));

		if (*name)
			(void)json_object_set(object, name, item);
	}
	if (n > 0 && json_object_size(object) == n)
		return object;
	json_decref(object);
	return NULL;
}

static void differ(json_t *list, const char *path, json_t *a, json_t *b, int depth);

static void differ_members(json_t *list, const char *path, json_t *a, json_t *b, int depth)
{
	const char *key;
	json_t *value;

	for (int only_b = 0; only_b < 2; only_b++) {
		json_object_foreach(only_b ? b : a, key, value)
		{
			char longer[PATH_MAX_BYTES];

			if (only_b && json_object_get(a, key))
				continue;
			(void)snprintf(longer, sizeof(longer), "%.150s.%.60s", path, key);
			differ(list, text_make_printable(longer), json_object_get(a, key),
			       json_object_get(b, key), depth);
		}
	}
}

static void differ(json_t *list, const char *path, json_t *a, json_t *b, int depth)
{
	cleanup_json json_t *named_a = json_is_array(a) ? by_name(a) : NULL;
	cleanup_json json_t *named_b = json_is_array(b) ? by_name(b) : NULL;
	bool none_a = !a || json_is_null(a), none_b = !b || json_is_null(b);

	if ((none_a && none_b) || json_equal(a, b))
		return;
	if (depth < DEPTH_MAX && json_is_object(a) && json_is_object(b))
		differ_members(list, path, a, b, depth + 1);
	else if (depth < DEPTH_MAX && named_a && named_b)
		differ_members(list, path, named_a, named_b, depth + 1);
	else
		add(list, path, a, b);
}

/* Of an environment that both have: what their instances were. */
static void differ_instances(const struct compare *c, json_t *list)
{
	static const char *const not_told[] = {"instances", "label", "shown"};

	for (size_t i = 0; i < c->run[0]->n_envs; i++) {
		const char *label = c->run[0]->envs[i].label;

		for (size_t k = 0; k < c->run[1]->n_envs; k++) {
			cleanup_json json_t *a = NULL, *b = NULL;
			char path[PATH_MAX_BYTES];

			if (strcmp(label, c->run[1]->envs[k].label) != 0)
				continue;
			a = summary_env_json(c->run[0], i);
			b = summary_env_json(c->run[1], k);
			for (size_t n = 0; n < sizeof(not_told) / sizeof(*not_told); n++) {
				(void)json_object_del(a, not_told[n]);
				(void)json_object_del(b, not_told[n]);
			}
			(void)snprintf(path, sizeof(path), "instances.%.100s", label);
			differ(list, text_make_printable(path), a, b, 0);
		}
	}
}

static bool begins(const json_t *list, const char *with)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (strncmp(json_string_or(one, "what", ""), with, strlen(with)) == 0)
			return true;
	}
	return false;
}

static void note(json_t *notes, const char *text)
{
	(void)json_array_append_new(notes, json_string(text));
}

static void note_environments(const struct compare *c, json_t *notes)
{
	cleanup_json json_t *a = by_name(json_object_get(c->run[0]->manifest, "envs"));
	cleanup_json json_t *b = by_name(json_object_get(c->run[1]->manifest, "envs"));
	const char *label;
	json_t *env;

	json_object_foreach(a, label, env)
	{
		json_t *other = json_object_get(b, label), *raw;

		if (!other || json_equal(env, other))
			continue;
		raw = json_sprintf("The environment '%s' was set up differently.", label);
		(void)json_array_append_new(notes, json_printable(raw));
		json_decref(raw);
	}
}

static void add_notes(const struct compare *c, const json_t *list, json_t *notes)
{
	if (c->other_machine)
		note(notes, "The runs are of different machines: ratios may be compared with "
			    "care, and times not at all.");
	if (begins(list, "tare.load_sha256"))
		note(notes, "The loads are of another build of tare-load: an operation may not be "
			    "what it was.");
	if (begins(list, "campaign"))
		note(notes, "The campaigns differ, which may change figures by itself.");
	note_environments(c, notes);
	if (strcmp(run_baseline(c->run[0]), run_baseline(c->run[1])) != 0)
		note(notes, "The baselines differ: that of A is taken in both.");
	if (json_array_size(list) == DIFFERENCES_MAX)
		note(notes, "There are more differences than are listed.");
}

void compare_add_ledger(const struct compare *c, json_t *comparison)
{
	static const char *const keys[] = {
		"tare", "campaign", "seed", "envs", "qemu", "guest_kernel", "settings_changed"};
	json_t *list = json_array(), *notes = json_array();
	cleanup_json json_t *a = json_copy(json_object_get(c->run[0]->manifest, "machine"));
	cleanup_json json_t *b = json_copy(json_object_get(c->run[1]->manifest, "machine"));
	cleanup_json json_t *mitigations_a = json_incref(json_object_get(a, "mitigations"));
	cleanup_json json_t *mitigations_b = json_incref(json_object_get(b, "mitigations"));

	/* There are many of them, and they come last. */
	(void)json_object_del(a, "mitigations");
	(void)json_object_del(b, "mitigations");
	differ(list, "machine", a, b, 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		differ(list, keys[i], json_object_get(c->run[0]->manifest, keys[i]),
		       json_object_get(c->run[1]->manifest, keys[i]), 0);
	differ_instances(c, list);
	differ(list, "machine.mitigations", mitigations_a, mitigations_b, 0);
	add_notes(c, list, notes);
	(void)json_put(comparison, "differences", list);
	(void)json_put(comparison, "notes", notes);
}
