/* SPDX-License-Identifier: MIT */
#include "report/record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "stats/quantile.h"

#define SLICES_MAX 1000000

static int read_name(const json_t *object, const char *key, const char **ret, struct tare_err *err)
{
	int r = json_read_string(object, key, ret, err);

	if (r < 0)
		return r;
	if (strlen(*ret) >= RUN_NAME_MAX || !**ret)
		return err_set(err, EBADMSG, "'%s' has not 1 to %d bytes", key, RUN_NAME_MAX - 1);
	for (const char *c = *ret; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			return err_set(err, EBADMSG, "'%s' has a control character", key);
	}
	return 0;
}

/* Append text to a list in buf; false: it does not fit or is no plain text. */
static bool append(char *buf, size_t size, const char *separator, const char *text)
{
	size_t used = strlen(buf);
	int n = snprintf(buf + used, size - used, "%s%s", used ? separator : "", text);

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ')
			return false;
	}
	return n >= 0 && (size_t)n < size - used;
}

int record_params_text(json_t *params, char *buf, size_t size, struct tare_err *err)
{
	const char *key;
	json_t *value;

	buf[0] = '\0';
	json_object_foreach(params, key, value)
	{
		char pair[RUN_NAME_MAX];

		if (!json_is_string(value) ||
		    snprintf(pair, sizeof(pair), "%s=%s", key, json_string_value(value)) >=
			    (int)sizeof(pair) ||
		    !append(buf, size, ",", pair))
			return err_set(err, EBADMSG, "'params' is no object of short texts");
	}
	return 0;
}

static int collectors_text(const json_t *names, char *buf, size_t size, struct tare_err *err)
{
	buf[0] = '\0';
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (!name || !append(buf, size, "+", name))
			return err_set(err, EBADMSG, "'collectors' is no list of short names");
	}
	return 0;
}

int record_read_key(const json_t *record, struct record_key *ret, struct tare_err *err)
{
	json_t *trial;
	int r;

	if ((r = read_name(record, "group", &ret->group, err)) < 0 ||
	    (r = read_name(record, "set", &ret->set, err)) < 0 ||
	    (r = json_read_u64(record, "round", &ret->round, err)) < 0 ||
	    (r = json_read_object(record, "trial", &trial, err)) < 0 ||
	    (r = read_name(trial, "env", &ret->env, err)) < 0 ||
	    (r = read_name(trial, "load", &ret->load, err)) < 0 ||
	    (r = read_name(trial, "mode", &ret->mode, err)) < 0)
		return r;
	r = record_params_text(json_object_get(trial, "params"), ret->params, sizeof(ret->params),
			       err);
	if (r < 0)
		return r;
	return collectors_text(json_object_get(trial, "collectors"), ret->collectors,
			       sizeof(ret->collectors), err);
}

static int read_status(const json_t *record, enum run_status *ret, struct tare_err *err)
{
	const char *text;
	int r = json_read_string(record, "status", &text, err);

	if (r < 0)
		return r;
	for (int i = 0; i < RUN_N_STATUS; i++) {
		if (strcmp(text, run_status_name((enum run_status)i)) == 0) {
			*ret = (enum run_status)i;
			return 0;
		}
	}
	return err_set(err, EBADMSG, "status '%.32s' is not ok, failed, unsupported or void", text);
}

static bool read_whole(const json_t *list, size_t i, double *ret)
{
	const json_t *value = json_array_get(list, i);

	*ret = json_number_value(value);
	return json_is_number(value) && *ret >= 0;
}

/* Slices in which the player did nothing (it was killed in them) have no figure. */
static int read_slices(const json_t *slices, struct run_trial *t, struct tare_err *err)
{
	const json_t *pass = json_object_get(slices, "pass"), *ops = json_object_get(slices, "ops"),
		     *ns = json_object_get(slices, "ns");
	size_t n = json_array_size(pass);

	if (!json_is_array(pass) || json_array_size(ops) != n || json_array_size(ns) != n ||
	    n > SLICES_MAX)
		return err_set(err, EBADMSG, "'slices' has columns of unequal length");
	t->pass = calloc(n + 1, sizeof(*t->pass));
	t->ns_per_op = calloc(n + 1, sizeof(*t->ns_per_op));
	cleanup_free double *sorted = calloc(n + 1, sizeof(*sorted));
	if (!t->pass || !t->ns_per_op || !sorted)
		return err_set(err, ENOMEM, "no memory for %zu slices", n);
	for (size_t i = 0; i < n; i++) {
		double at, done, took;

		if (!read_whole(pass, i, &at) || !read_whole(ops, i, &done) ||
		    !read_whole(ns, i, &took) || at > 1e15)
			return err_set(err, EBADMSG, "slice %zu has no plain numbers", i);
		if (done == 0 || took == 0)
			continue;
		t->pass[t->n_slices] = (uint64_t)at;
		sorted[t->n_slices] = took / done;
		t->ns_per_op[t->n_slices++] = took / done;
	}
	t->median_ns = quantile_median(sorted, t->n_slices);
	return 0;
}

int record_read_buckets(const json_t *buckets, struct histogram *ret, struct tare_err *err)
{
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		const json_t *pair = json_array_get(buckets, i);
		json_int_t bucket = json_integer_value(json_array_get(pair, 0));
		json_int_t count = json_integer_value(json_array_get(pair, 1));

		if (json_array_size(pair) != 2 || bucket < 0 || bucket >= LOGLIN_BUCKETS ||
		    count < 0 || count > INT64_MAX / LOGLIN_BUCKETS / 4)
			return err_set(err, EBADMSG, "bucket %zu is no [bucket, count]", i);
		histogram_add(ret, (unsigned int)bucket, (uint64_t)count);
	}
	return 0;
}

static int read_latency(const json_t *latency, struct run_trial *t, struct tare_err *err)
{
	if (json_array_size(json_object_get(latency, "buckets")) == 0)
		return 0;
	t->latency = calloc(1, sizeof(*t->latency));
	if (!t->latency)
		return err_set(err, ENOMEM, "no memory for a histogram");
	t->latency->max = json_u64_or(latency, "max_ns", 0);
	return record_read_buckets(json_object_get(latency, "buckets"), t->latency, err);
}

static void keep(json_t *into, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++) {
		json_t *value = json_object_get(from, *keys);

		if (value)
			(void)json_object_set(into, *keys, value);
	}
}

/* What is mostly the same in all trials of a cell: without the room for variables, which is drawn
 * for each. */
static json_t *asked_of(const json_t *record)
{
	static const char *const keys[] = {"sha256", "limit_at", NULL};
	json_t *asked = json_object(), *trial = json_copy(json_object_get(record, "trial"));

	(void)json_object_del(trial, "env_padding");
	(void)json_object_set_new(asked, "trial", trial);
	keep(asked, record, keys);
	return asked;
}

/* What the summary and the plots look up later; not the columns, which have become arrays. */
static char *rest_of(const json_t *record)
{
	static const char *const keys[] = {
		"why", "collectors", "host_collectors", "spans", "stolen", "self_test", NULL};
	static const char *const load_keys[] = {"ops",      "lead_in", "turns", "figures",
						"programs", "exit",    NULL};
	static const char *const validity_keys[] = {"disturbed", NULL};
	json_t *load = json_object(), *validity = json_object();
	cleanup_json json_t *rest = json_object();

	keep(rest, record, keys);
	keep(load, json_object_get(record, "load"), load_keys);
	keep(validity, json_object_get(record, "validity"), validity_keys);
	(void)json_object_set_new(rest, "load", load);
	(void)json_object_set_new(rest, "validity", validity);
	return json_dumps(rest, JSON_COMPACT | JSON_REAL_PRECISION(17));
}

static bool has_trouble(json_t *collectors)
{
	const char *name, *kind;
	json_t *seen, *lost;

	json_object_foreach(collectors, name, seen)
	{
		if (json_object_get(seen, "unsupported"))
			return true;
		json_object_foreach(json_object_get(seen, "lost"), kind, lost)
		{
			if (json_number_value(lost) != 0)
				return true;
		}
	}
	return false;
}

static bool has_series(json_t *collectors)
{
	const char *name;
	json_t *seen;

	json_object_foreach(collectors, name, seen)
	{
		if (json_object_get(seen, "series"))
			return true;
	}
	return false;
}

static unsigned int what_it_has(const json_t *record)
{
	json_t *inside = json_object_get(record, "collectors");
	json_t *outside = json_object_get(record, "host_collectors");
	const json_t *load = json_object_get(record, "load");
	const json_t *validity = json_object_get(record, "validity");
	const struct {
		unsigned int bit;
		bool there;
	} has[] = {
		{RUN_HAS_FIGURES, json_object_size(json_object_get(load, "figures")) > 0},
		{RUN_HAS_PROGRAMS, json_is_array(json_object_get(load, "programs"))},
		{RUN_HAS_SPANS, json_object_size(json_object_get(record, "spans")) > 0},
		{RUN_HAS_HOST, json_object_size(outside) > 0},
		{RUN_HAS_KVM, json_object_get(outside, "kvm") != NULL},
		{RUN_HAS_SYSCALLS, json_object_get(inside, "syscalls") != NULL},
		{RUN_HAS_SCHED, json_object_get(inside, "sched") != NULL},
		{RUN_HAS_COUNTERS, json_object_get(inside, "counters") != NULL},
		{RUN_HAS_SERIES, has_series(inside)},
		{RUN_HAS_TROUBLE, json_array_size(json_object_get(validity, "disturbed")) > 0 ||
					  has_trouble(inside) || has_trouble(outside)},
	};
	unsigned int bits = 0;

	for (size_t i = 0; i < sizeof(has) / sizeof(*has); i++)
		bits |= has[i].there ? has[i].bit : 0;
	return bits;
}

int record_read_trial(const json_t *record, struct run_trial *ret, struct tare_err *err)
{
	const json_t *load = json_object_get(record, "load");
	const json_t *slices = json_object_get(load, "slices"),
		     *latency = json_object_get(load, "latency");
	int r;

	*ret = (struct run_trial){.median_ns = NAN};
	ret->ready_ns = json_double_or(json_object_get(record, "span"), "ready", NAN);
	ret->has = what_it_has(record);
	ret->seq = json_u64_or(record, "seq", 0);
	ret->position = json_u64_or(record, "position", 0);
	ret->asked_ns = json_u64_or(json_object_get(record, "host_span"), "asked", 0);
	if ((r = json_read_u64(record, "round", &ret->round, err)) < 0 ||
	    (r = read_status(record, &ret->status, err)) < 0)
		return r;
	if (slices && (r = read_slices(slices, ret, err)) < 0)
		return r;
	if (latency && (r = read_latency(latency, ret, err)) < 0)
		return r;
	ret->asked = asked_of(record);
	ret->rest = rest_of(record);
	return ret->asked && ret->rest ? 0 : err_set(err, ENOMEM, "out of memory");
}
