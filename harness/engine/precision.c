/* SPDX-License-Identifier: MIT */
#include "engine/precision.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/chain.h"
#include "engine/store.h"
#include "stats/levels.h"
#include "stats/pair.h"
#include "stats/stop.h"

#define SET_KEY_SIZE 192

struct series;

struct precision {
	char *baseline;
	struct series *ratios;
	size_t n_ratios;
	/* The last set of a run that was read, until it is known to be whole. */
	json_t *last;
	char last_key[SET_KEY_SIZE];
};

/* The log ratios of one environment in one set, round by round. */
struct series {
	char *key; /* "GROUP\tSET\tENV" */
	double *x;
	uint64_t *instance;
	size_t n, room;
	struct chain chain;
};

int precision_new(const char *baseline, struct precision **ret, struct tare_err *err)
{
	struct precision *p = calloc(1, sizeof(*p));

	if (p) {
		p->baseline = strdup(baseline);
	}
	if (!p || !p->baseline) {
		precision_free(p);
		return err_set(err, ENOMEM, "out of memory");
	}
	*ret = p;
	return 0;
}

void precision_free(struct precision *precision)
{
	if (!precision)
		return;
	for (size_t i = 0; i < precision->n_ratios; i++) {
		free(precision->ratios[i].key);
		free(precision->ratios[i].x);
		free(precision->ratios[i].instance);
	}
	free(precision->ratios);
	json_decref(precision->last);
	free(precision->baseline);
	free(precision);
}

struct columns {
	struct pair_slices slices;
	uint64_t *pass;
	double *value;
};

static void cleanup_columnsp(struct columns *c)
{
	free(c->pass);
	free(c->value);
}
#define cleanup_columns __attribute__((cleanup(cleanup_columnsp)))

/* ns per operation of each slice of a record. */
static int read_columns(const json_t *record, struct columns *ret)
{
	const json_t *slices = json_object_get(json_object_get(record, "load"), "slices");
	const json_t *pass = json_object_get(slices, "pass");
	const json_t *ops = json_object_get(slices, "ops"), *ns = json_object_get(slices, "ns");
	size_t n = json_array_size(pass);

	*ret = (struct columns){.pass = calloc(n + 1, sizeof(*ret->pass)),
				.value = calloc(n + 1, sizeof(*ret->value))};
	if (!ret->pass || !ret->value)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ret->pass[i] = (uint64_t)json_integer_value(json_array_get(pass, i));
		ret->value[i] = json_number_value(json_array_get(ns, i)) /
				json_number_value(json_array_get(ops, i));
	}
	ret->slices = (struct pair_slices){ret->pass, ret->value, n};
	return 0;
}

static const json_t *record_of(const json_t *records, const char *label)
{
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		const json_t *trial = json_object_get(record, "trial");

		if (strcmp(json_string_or(trial, "env", ""), label) == 0 &&
		    strcmp(json_string_or(record, "status", ""), "ok") == 0)
			return record;
	}
	return NULL;
}

/* Takes the key. NULL: out of memory. */
static struct series *series_of(struct precision *p, char *taken_key)
{
	cleanup_free char *key = taken_key;
	struct series *more;

	for (size_t i = 0; key && i < p->n_ratios; i++)
		if (strcmp(p->ratios[i].key, key) == 0)
			return &p->ratios[i];
	more = key ? reallocarray(p->ratios, p->n_ratios + 1, sizeof(*more)) : NULL;
	if (!more)
		return NULL;
	p->ratios = more;
	p->ratios[p->n_ratios] = (struct series){.key = take_pointer(key)};
	return &p->ratios[p->n_ratios++];
}

static int series_grow(struct series *s)
{
	size_t room = s->room ? 2 * s->room : 32;
	double *x = reallocarray(s->x, room, sizeof(*x));
	uint64_t *instance;

	if (!x)
		return -ENOMEM;
	s->x = x;
	instance = reallocarray(s->instance, room, sizeof(*instance));
	if (!instance)
		return -ENOMEM;
	s->instance = instance;
	s->room = room;
	return 0;
}

static int add_ratio(struct precision *p, const json_t *record, const json_t *base,
		     double log_ratio)
{
	struct series *s = series_of(
		p, text_format("%s\t%s\t%s", json_string_or(record, "group", ""),
			       json_string_or(record, "set", ""),
			       json_string_or(json_object_get(record, "trial"), "env", "")));

	if (!s || (s->n == s->room && series_grow(s) < 0))
		return -ENOMEM;
	s->x[s->n] = log_ratio;
	s->instance[s->n++] = chain_next(&s->chain, json_object_get(record, "instance"),
					 json_object_get(base, "instance"));
	return 0;
}

int precision_add(struct precision *precision, const json_t *records, struct tare_err *err)
{
	const json_t *base = record_of(records, precision->baseline);
	cleanup_columns struct columns b = {0};
	json_t *record;
	size_t i;

	if (!base)
		return 0;
	if (read_columns(base, &b) < 0)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(records, i, record)
	{
		cleanup_columns struct columns a = {0};
		double log_ratio;

		if (record == base || strcmp(json_string_or(record, "status", ""), "ok") != 0)
			continue;
		if (json_object_get(record, "self_test"))
			continue; /* is found out about, not asked for */
		if (read_columns(record, &a) < 0)
			return err_set(err, ENOMEM, "out of memory");
		/* A set without turns has no pass in common, and no ratio. */
		if (pair_log_ratio(&a.slices, &b.slices, &log_ratio, NULL, NULL) < 0)
			continue;
		if (add_ratio(precision, record, base, log_ratio) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static void set_key(char ret[SET_KEY_SIZE], const char *group, uint64_t round, const char *set)
{
	(void)snprintf(ret, SET_KEY_SIZE, "%s\t%llu\t%s", group, (unsigned long long)round, set);
}

/* Sets come one after the other. */
static int refill_record(const json_t *record, size_t line, void *context)
{
	struct precision *p = context;
	char key[SET_KEY_SIZE];

	(void)line;
	set_key(key, json_string_or(record, "group", ""), json_u64_or(record, "round", 0),
		json_string_or(record, "set", ""));
	if (strcmp(key, p->last_key) != 0) {
		int r = precision_add(p, p->last, NULL);

		if (r < 0)
			return r;
		(void)json_array_clear(p->last);
		memcpy(p->last_key, key, sizeof(key));
	}
	if (json_bool_or(record, "superseded", false)) {
		(void)json_array_clear(p->last);
		return 0;
	}
	return json_array_append_new(p->last, json_deep_copy(record)) < 0 ? -ENOMEM : 0;
}

int precision_refill(struct precision *precision, const char *run_dir, struct tare_err *err)
{
	precision->last = json_array();
	if (!precision->last)
		return err_set(err, ENOMEM, "out of memory");
	return store_each(run_dir, refill_record, precision, NULL, err);
}

int precision_is_whole(struct precision *precision, const char *group, uint64_t round,
		       const char *set, struct tare_err *err)
{
	char key[SET_KEY_SIZE];
	int r;

	set_key(key, group, round, set);
	if (strcmp(key, precision->last_key) != 0)
		return 0;
	r = precision_add(precision, precision->last, err);
	precision->last_key[0] = '\0';
	return r;
}

int precision_ask(const struct precision *precision, double pct, struct precision_answer *ret,
		  struct tare_err *err)
{
	double half = log1p(pct / 100);
	size_t wide = 0;

	*ret = (struct precision_answer){0};
	for (size_t i = 0; i < precision->n_ratios; i++) {
		const struct series *s = &precision->ratios[i];
		struct levels levels;
		size_t needed;
		int r = levels_of(s->x, s->instance, s->n, &levels, err);

		if (r < 0)
			return r;
		wide += !stop_is_narrow(&levels.location, half);
		if (levels.location.n > ret->figures)
			ret->figures = levels.location.n;
		/* With as many rounds in an instance as now; there is at least one. */
		needed = location_rounds_for(&levels.location, half) * s->n / levels.location.n;
		if (needed > ret->rounds)
			ret->rounds = needed;
	}
	ret->reached = precision->n_ratios > 0 && wide == 0 && stop_is_look(ret->figures);
	return 0;
}
