/* SPDX-License-Identifier: MIT */
/* Where the time of a guest's start goes, and what its CPU time costs the host. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"
#include "stats/quantile.h"

#define US_PER_S    1e6
#define MOMENTS_MAX 32

/* The median of one moment over the boots of a kind; NAN: none of them has it. Each boot once: it
 * is the instance's, whatever number of trials it carried. */
static double median_moment(const json_t *boots, const char *name, struct tare_err *err)
{
	cleanup_free double *x = calloc(json_object_size(boots) + 1, sizeof(*x));
	const char *id;
	json_t *spans;
	size_t n = 0;

	if (!x) {
		(void)err_set(err, ENOMEM, "out of memory");
		return NAN;
	}
	json_object_foreach((json_t *)(uintptr_t)boots, id, spans) /* NOLINT */
	{
		double at = json_double_or(spans, name, NAN);

		if (isfinite(at) && at >= 0)
			x[n++] = at;
	}
	return n ? quantile_median(x, n) : NAN;
}

static int compare_moments(const void *a, const void *b)
{
	double x = json_double_or(*(json_t *const *)a, "median_ns", 0);
	double y = json_double_or(*(json_t *const *)b, "median_ns", 0);

	return (x > y) - (x < y);
}

/* Names of all boots' moments, in the order in which they come. */
static json_t *moments_of(const json_t *boots, struct tare_err *err)
{
	cleanup_json json_t *seen = json_object();
	json_t *moments[MOMENTS_MAX] = {NULL}, *list = json_array(), *spans, *unused;
	const char *id, *name;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)boots, id, spans) /* NOLINT */
		json_object_foreach(spans, name, unused)
	{
		double at = median_moment(boots, name, err);

		if (json_object_get(seen, name) || !isfinite(at) || n == MOMENTS_MAX)
			continue;
		(void)json_put(seen, name, json_true());
		moments[n] = json_pack("{s:s, s:o}", "name", name, "median_ns", json_number(at));
		n += moments[n] != NULL;
	}
	qsort(moments, n, sizeof(json_t *), compare_moments);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, moments[i]);
	return list;
}

/* A boot's first payload and the end of its last one: what is between is no part of a start. */
static void put_payload(json_t *moments, const json_t *of_trial)
{
	double payload = json_double_or(of_trial, "payload", NAN);
	double gone = json_double_or(of_trial, "payload_exit", NAN);

	if (isfinite(payload) && !(json_double_or(moments, "payload", NAN) <= payload))
		(void)json_put(moments, "payload", json_number(payload));
	if (isfinite(gone) && !(json_double_or(moments, "payload_exit", NAN) >= gone))
		(void)json_put(moments, "payload_exit", json_number(gone));
}

static void put_trial(json_t *boots, const struct run_trial *trial)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_SPANS ? run_record(trial) : NULL;
	const json_t *instance = trial->instance;
	const char *id = json_string_or(instance, "id", "");
	json_t *moments = json_object_get(boots, id);

	if (!moments) {
		moments = json_copy(json_object_get(json_object_get(instance, "boot"), "spans"));
		(void)json_put(boots, id, moments);
	}
	put_payload(moments, json_object_get(record, "spans"));
}

/* How a guest ended was known only when its records were written. */
static void put_ends(json_t *boots, const json_t *manifest)
{
	json_t *guest;
	size_t i;

	json_array_foreach(json_object_get(manifest, "guests"), i, guest)
	{
		json_t *moments = json_object_get(boots, json_string_or(guest, "id", ""));

		if (moments)
			(void)json_object_update_missing(
				moments, json_object_get(json_object_get(guest, "boot"), "spans"));
	}
}

static int add_boots(const struct run *run, size_t env, const char *kind, json_t *list,
		     struct tare_err *err)
{
	cleanup_json json_t *boots = json_object();
	json_t *object;

	for (size_t i = 0; i < run->n_trials; i++) {
		const json_t *instance = run->trials[i].instance;
		const json_t *boot = json_object_get(instance, "boot");

		if (run->cells[run->trials[i].cell].env == env &&
		    json_object_size(json_object_get(boot, "spans")) > 0 &&
		    strcmp(json_string_or(boot, "kind", ""), kind) == 0)
			put_trial(boots, &run->trials[i]);
	}
	put_ends(boots, run->manifest);
	if (json_object_size(boots) == 0)
		return 0;
	object = json_pack("{s:s, s:s, s:s, s:o, s:o}", "env", run->envs[env].label, "what", kind,
			   "accel", run->envs[env].accel, "boots",
			   json_u64(json_object_size(boots)), "moments", moments_of(boots, err));
	return json_array_append_new(list, object) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* What of it was no virtual CPU: QEMU's main loop and I/O. */
static double others_s(const json_t *record)
{
	const json_t *seen = json_object_get(record, "host_collectors");

	return json_double_or(json_object_get(seen, "vcpus"), "others_ns", NAN) / 1e9;
}

static double usage_s(const json_t *record, const char *seen_by)
{
	const json_t *cpu = json_object_get(json_object_get(record, seen_by), "cpu");

	return json_double_or(cpu, "usage_us", NAN) / US_PER_S;
}

/* Of the trials that have both: the sums, so that long ones count for what they are. */
static int add_cpu(const struct run *run, const struct run_cell *cell, json_t *list,
		   struct tare_err *err)
{
	double host = 0, guest = 0, others = 0;
	size_t n = 0;
	json_t *object;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *record = trial->has & RUN_HAS_HOST ? run_record(trial) : NULL;
		double outside = usage_s(record, "host_collectors");
		double inside = usage_s(record, "collectors");

		if (trial->superseded || !isfinite(outside) || !isfinite(inside))
			continue;
		host += outside;
		guest += inside;
		others += others_s(record);
		n++;
	}
	if (n == 0 || !(guest > 0))
		return 0;
	object = summary_cell_json(run, cell);
	if (json_put(object, "trials", json_u64(n)) < 0 ||
	    json_put(object, "host_s", json_number(host)) < 0 ||
	    json_put(object, "guest_s", json_number(guest)) < 0 ||
	    json_put(object, "others_s", json_number(others)) < 0 ||
	    json_put(object, "host_per_guest", json_number(host / guest)) < 0 ||
	    json_array_append_new(list, object) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int summary_add_boundaries(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *boundaries = json_array(), *cpu = json_array();
	int r = 0;

	(void)json_put(summary, "boundaries", boundaries);
	(void)json_put(summary, "guest_cpu", cpu);
	for (size_t env = 0; r == 0 && env < run->n_envs; env++) {
		r = add_boots(run, env, "cold", boundaries, err);
		if (r == 0)
			r = add_boots(run, env, "restored", boundaries, err);
	}
	for (size_t i = 0; r == 0 && i < run->n_cells; i++)
		r = add_cpu(run, &run->cells[run->order[i]], cpu, err);
	return r;
}
