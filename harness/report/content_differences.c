/* SPDX-License-Identifier: MIT */
/* What else differs between the environments, besides what they are to differ in. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/content.h"

#define KERNELS_MAX (TABLE_COLUMNS - 1)

void content_put_list(struct table *t, size_t column, const json_t *list)
{
	char text[256] = "-";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(list) && used < sizeof(text); i++) {
		int n = snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
				 json_string_value(json_array_get(list, i)));

		used += n > 0 ? (size_t)n : 0;
	}
	table_cell(t, column, TONE_PLAIN, "%s", text);
}

static void say_digests(struct content *c)
{
	const json_t *envs = json_object_get(c->summary, "envs");
	const char *asked =
		json_string_or(json_object_get(c->run->manifest, "tare"), "load_sha256", "");
	bool same = true;

	for (size_t i = 0; i < json_array_size(envs); i++) {
		const json_t *list = json_object_get(json_array_get(envs, i), "sha256");

		for (size_t k = 0; k < json_array_size(list); k++)
			same &= strcmp(json_string_value(json_array_get(list, k)), asked) == 0;
	}
	doc_say(&c->doc,
		same ? "The program is *the same in all*: SHA-256 %s, as read by each kernel "
		       "from what it ran."
		     : "*The program is not the same everywhere*: SHA-256 %s was asked for; see "
		       "the table.",
		asked);
}

/* Kernels whose mitigations are not the same, each by the first environment on it. */
struct kernels {
	const char *shown[KERNELS_MAX];
	json_t *mitigations[KERNELS_MAX];
	size_t n;
};

static struct kernels survey_kernels(const struct content *c)
{
	struct kernels k = {0};
	json_t *env;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "envs"), i, env)
	{
		json_t *mitigations = json_object_get(env, "mitigations");
		size_t same = 0;

		if (!json_is_object(mitigations) || k.n == KERNELS_MAX)
			continue;
		while (same < k.n && !json_equal(k.mitigations[same], mitigations))
			same++;
		if (same < k.n)
			continue;
		k.shown[k.n] = json_string_or(env, "shown", "?");
		k.mitigations[k.n++] = mitigations;
	}
	return k;
}

static bool is_same_everywhere(const struct kernels *k, const char *name)
{
	const json_t *first = json_object_get(k->mitigations[0], name);

	for (size_t i = 1; i < k->n; i++) {
		const json_t *other = json_object_get(k->mitigations[i], name);

		if (first != other && !json_equal(first, other))
			return false;
	}
	return true;
}

static int add_mitigation(const struct kernels *k, const char *name, struct table *t,
			  struct tare_err *err)
{
	int r = table_row(t, err);

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", name);
	for (size_t i = 0; i < k->n; i++)
		table_cell(t, 1 + i, TONE_PLAIN, "%s",
			   json_string_or(k->mitigations[i], name, "-"));
	return 0;
}

/* The rows that are the same everywhere, or those that are not. */
static int mitigation_rows(const struct kernels *k, bool same, struct table *t,
			   struct tare_err *err)
{
	*t = (struct table){.n_columns = 1 + k->n, .head = {"vulnerability"}};
	for (size_t i = 0; i < k->n; i++)
		t->head[1 + i] = k->shown[i];
	for (size_t i = 0; i < k->n; i++) {
		const char *name;
		json_t *value;

		json_object_foreach(k->mitigations[i], name, value)
		{
			bool told = false;
			int r;

			for (size_t before = 0; before < i; before++)
				told |= json_object_get(k->mitigations[before], name) != NULL;
			if (told || is_same_everywhere(k, name) != same)
				continue;
			r = add_mitigation(k, name, t, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int say_mitigations(struct content *c, struct tare_err *err)
{
	const struct kernels k = survey_kernels(c);
	cleanup_table struct table differ = {0}, same = {0};
	int r;

	if (k.n == 0)
		return 0;
	if ((r = mitigation_rows(&k, false, &differ, err)) < 0 ||
	    (r = mitigation_rows(&k, true, &same, err)) < 0)
		return r;
	if (differ.n_rows) {
		doc_say(&c->doc,
			"*The kernels differ in what they do about %zu of their CPU's "
			"vulnerabilities*, which is part of what a system call costs:",
			differ.n_rows);
		c->doc.ops->table(&c->doc, &differ);
	}
	if (same.n_rows)
		content_fold_table(c,
				   k.n > 1 ? "Mitigations that are the same in all kernels"
					   : "Mitigations, where they are told",
				   &same);
	return 0;
}

static int add_env(struct table *t, const json_t *env, struct tare_err *err)
{
	static const char *const keys[] = {"machine", "box",  "kernel",   "clocksource",
					   "accel",   "qemu", "work_disk"};
	const json_t *digests = json_object_get(env, "sha256");
	const char *options = json_string_or(env, "options", "");
	double memory = json_double_or(env, "memory_bytes", NAN);
	int r = table_row(t, err);
	char size[32];

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", json_string_or(env, "shown", ""));
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		content_put_list(t, 1 + k, json_object_get(env, keys[k]));
	if (*options)
		table_cell(t, 2, TONE_PLAIN, "%s, %s", t->cells[(t->n_rows - 1) * t->n_columns + 2],
			   options);
	table_cell(t, 8, TONE_PLAIN, "-");
	if (json_is_integer(json_object_get(env, "cpus")))
		table_cell(t, 8, TONE_PLAIN, "%.0f", json_double_or(env, "cpus", 0));
	table_cell(t, 9, TONE_PLAIN, "%s",
		   isnan(memory) ? "-" : units_print_bytes(memory, size, sizeof(size)));
	table_cell(t, 10, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(env, "instances", 0));
	table_cell(t, 11, json_array_size(digests) > 1 ? TONE_BAD : TONE_PLAIN, "%.12s%s",
		   json_array_size(digests) ? json_string_value(json_array_get(digests, 0)) : "-",
		   json_array_size(digests) > 1 ? " and others" : "");
	return 0;
}

int content_differences(struct content *c, struct tare_err *err)
{
	cleanup_table struct table t = {
		.n_columns = 12,
		.head = {"environment", "machine", "box", "kernel", "clock source", "acceleration",
			 "QEMU", "/work", "CPUs", "memory", "instances", "SHA-256 of tare-load"},
		.number = {[8] = true, [9] = true, [10] = true}};
	json_t *env;
	size_t i;

	c->doc.ops->heading(&c->doc, 2, "What else differs");
	say_digests(c);
	doc_say(&c->doc,
		"It is linked statically: no environment's libc takes part. All that take turns "
		"play on one CPU, "
		"also where there are more. How many bytes of variables surround it is drawn anew "
		"each round in each environment.");
	json_array_foreach(json_object_get(c->summary, "envs"), i, env)
	{
		int r = add_env(&t, env, err);

		if (r < 0)
			return r;
	}
	c->doc.ops->table(&c->doc, &t);
	return say_mitigations(c, err);
}
