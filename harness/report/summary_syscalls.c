/* SPDX-License-Identifier: MIT */
/* What the kernels counted in the observed rounds, held against what the loads declare. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/play.h"
#include "report/record.h"
#include "report/summary.h"

#define CALLS_MAX 512

struct call {
	char name[32];
	uint64_t count, errors, sum_ns;
	struct histogram latency;
};

struct calls {
	struct call *items;
	size_t n;
	uint64_t ops, turns, lost;
	size_t trials;
	double bias_ns;
};

static void cleanup_callsp(struct calls *calls)
{
	free(calls->items);
}
#define cleanup_calls __attribute__((cleanup(cleanup_callsp)))

static struct call *find_call(struct calls *calls, const char *name)
{
	for (size_t i = 0; i < calls->n; i++) {
		if (strcmp(calls->items[i].name, name) == 0)
			return &calls->items[i];
	}
	if (calls->n == CALLS_MAX || strlen(name) >= sizeof(calls->items->name))
		return NULL;
	(void)snprintf(calls->items[calls->n].name, sizeof(calls->items->name), "%s", name);
	return &calls->items[calls->n++];
}

static int merge_trial(const struct run_trial *trial, struct calls *calls, struct tare_err *err)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_SYSCALLS ? run_record(trial) : NULL;
	const json_t *seen = json_object_get(json_object_get(record, "collectors"), "syscalls");
	const json_t *load = json_object_get(record, "load");
	json_t *by_name = json_object_get(seen, "calls"), *lost = json_object_get(seen, "lost"),
	       *one;
	const char *name;

	if (!json_is_object(by_name))
		return 0;
	json_object_foreach(by_name, name, one)
	{
		struct call *call = find_call(calls, name);

		if (!call)
			return err_set(err, EBADMSG, "record %" PRIu64 ": too many system calls",
				       trial->seq);
		call->count += json_u64_or(one, "count", 0);
		call->errors += json_u64_or(one, "errors", 0);
		call->sum_ns += json_u64_or(one, "sum_ns", 0);
		if (json_u64_or(one, "max_ns", 0) > call->latency.max)
			call->latency.max = json_u64_or(one, "max_ns", 0);
		int r = record_read_buckets(json_object_get(one, "buckets"), &call->latency, err);
		if (r < 0)
			return err_wrap(err, r, "record %" PRIu64 ", call '%s'", trial->seq, name);
	}
	/* A call that is still under way at the second snapshot is no loss of its count. */
	json_object_foreach(lost, name, one)
	{
		if (strcmp(name, "in_flight") != 0)
			calls->lost += json_is_integer(one) ? (uint64_t)json_integer_value(one) : 0;
	}
	calls->ops += json_u64_or(load, "ops", 0) + json_u64_or(load, "lead_in", 0);
	calls->turns += json_u64_or(load, "turns", 0);
	calls->bias_ns = json_double_or(seen, "bias_ns", NAN);
	calls->trials++;
	return 0;
}

/* How often an operation of the load makes the call; -1: nothing is declared for the load. */
static double declared_per_op(const struct run *run, const struct run_cell *cell, const char *call)
{
	json_t *loads = json_object_get(run->manifest, "loads"), *load;
	size_t i;

	json_array_foreach(loads, i, load)
	{
		const char *set = json_string_or(load, "set", json_string_or(load, "name", ""));

		if (strcmp(set, cell->name) == 0 && json_object_get(load, "syscalls"))
			return json_double_or(json_object_get(load, "syscalls"), call, 0);
	}
	return -1;
}

static double expected_count(const struct run *run, const struct run_cell *cell,
			     const struct calls *calls, const char *name)
{
	double declared = declared_per_op(run, cell, name);

	if (declared < 0)
		return NAN;
	if (strcmp(name, "readv") == 0)
		return PLAY_TURN_READV * (double)calls->turns;
	if (strcmp(name, "writev") == 0)
		return PLAY_TURN_WRITEV * (double)calls->turns;
	return declared * (double)calls->ops;
}

static json_t *call_json(const struct run *run, const struct run_cell *cell,
			 const struct calls *calls, const struct call *call)
{
	double expected = expected_count(run, cell, calls, call->name);
	json_t *object = summary_cell_json(run, cell);

	(void)json_put(object, "call", json_string(call->name));
	(void)json_put(object, "trials", json_u64(calls->trials));
	(void)json_put(object, "ops", json_u64(calls->ops));
	(void)json_put(object, "count", json_u64(call->count));
	(void)json_put(object, "errors", json_u64(call->errors));
	(void)json_put(object, "mean_ns",
		       json_number((double)call->sum_ns / (double)call->latency.count));
	(void)json_put(object, "p50_ns",
		       json_number(histogram_quantile_upper(&call->latency, 0.5)));
	(void)json_put(object, "p99_ns",
		       json_number(histogram_quantile_upper(&call->latency, 0.99)));
	(void)json_put(object, "max_ns", json_u64(call->latency.max));
	(void)json_put(object, "bias_ns", json_number(calls->bias_ns));
	(void)json_put(object, "lost", json_u64(calls->lost));
	(void)json_put(object, "declared", json_number(expected));
	(void)json_put(object, "exact",
		       isnan(expected) ? json_null()
				       : json_boolean(expected == (double)call->count));
	return object;
}

static int add_cell_calls(const struct run *run, const struct run_cell *cell, json_t *list,
			  struct tare_err *err)
{
	cleanup_calls struct calls calls = {.items = calloc(CALLS_MAX, sizeof(struct call))};

	if (!calls.items)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		int r = run_trial_counts(trial) ? merge_trial(trial, &calls, err) : 0;

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < calls.n; i++) {
		if (calls.items[i].count)
			(void)json_array_append_new(list,
						    call_json(run, cell, &calls, &calls.items[i]));
	}
	return 0;
}

/* The ratio of the means to the baseline's. What lies within the observer's own share of a
 * call, its bias, cannot be told apart from it. */
static int add_call_ratios(json_t *list, const char *baseline, struct tare_err *err)
{
	cleanup_json json_t *index = summary_index_baseline(list, baseline, "call");
	json_t *call;
	size_t i;

	if (!index)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, call)
	{
		const json_t *base = summary_baseline_of(index, call, "call");
		double mean = json_double_or(call, "mean_ns", NAN);
		double other = json_double_or(base, "mean_ns", NAN);
		double bias = json_double_or(base, "bias_ns", 0);

		if (!base)
			continue;
		(void)json_put(call, "ratio", json_number(mean / other));
		(void)json_put(call, "resolvable",
			       json_boolean(call == base || fabs(mean - other) >= bias));
	}
	return 0;
}

int summary_add_syscalls(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();

	(void)json_put(summary, "syscalls", list);
	for (size_t i = 0; i < run->n_cells; i++) {
		int r = run->cells[run->order[i]].observed
				? add_cell_calls(run, &run->cells[run->order[i]], list, err)
				: 0;

		if (r < 0)
			return r;
	}
	return add_call_ratios(list, run_baseline(run), err);
}
