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
#include "stats/location.h"
#include "stats/pair.h"

struct precision {
	char *baseline;
	json_t *ratios; /* "GROUP\tSET\tENV" -> log ratio of each round */
};

int precision_new(const char *baseline, struct precision **ret, struct tare_err *err)
{
	struct precision *p = calloc(1, sizeof(*p));

	if (p) {
		p->baseline = strdup(baseline);
		p->ratios = json_object();
	}
	if (!p || !p->baseline || !p->ratios) {
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
	json_decref(precision->ratios);
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

static int add_ratio(struct precision *p, const json_t *record, double log_ratio)
{
	cleanup_free char *key =
		text_format("%s\t%s\t%s", json_string_or(record, "group", ""),
			    json_string_or(record, "set", ""),
			    json_string_or(json_object_get(record, "trial"), "env", ""));
	json_t *list = key ? json_object_get(p->ratios, key) : NULL;

	if (!key)
		return -ENOMEM;
	if (!list) {
		list = json_array();
		if (json_put(p->ratios, key, list) < 0)
			return -ENOMEM;
	}
	return json_array_append_new(list, json_real(log_ratio)) < 0 ? -ENOMEM : 0;
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
		if (add_ratio(precision, record, log_ratio) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int narrow_enough(const json_t *ratios, double half, bool *ret, struct tare_err *err)
{
	size_t n = json_array_size(ratios);
	cleanup_free double *x = calloc(n + 1, sizeof(*x));
	struct location l;
	int r;

	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		x[i] = json_number_value(json_array_get(ratios, i));
	r = location_of(x, n, &l, err);
	*ret = r == 0 && l.method != LOCATION_NONE && l.high - l.estimate <= half &&
	       l.estimate - l.low <= half;
	return r;
}

int precision_reached(const struct precision *precision, double pct, bool *ret,
		      struct tare_err *err)
{
	double half = log1p(pct / 100);
	const char *key;
	json_t *ratios;

	*ret = json_object_size(precision->ratios) > 0;
	json_object_foreach(precision->ratios, key, ratios)
	{
		bool narrow;
		int r = narrow_enough(ratios, half, &narrow, err);

		if (r < 0)
			return r;
		*ret = *ret && narrow;
	}
	return 0;
}
