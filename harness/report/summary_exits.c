/* SPDX-License-Identifier: MIT */
/* What the virtual CPUs of observed guests left them for. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/record.h"
#include "report/summary.h"

#define REASONS_MAX 256

struct reason {
	char name[48];
	bool user;
	uint64_t n, sum_ns;
	struct histogram away;
};

/* Members of the same name in a record are added up, in this order. */
static const char *const sums[] = {"wall_ns", "in_ns",   "out_ns",  "n_exits",
				   "n_user",  "user_ns", "emulated"};
static const char *const halts[] = {"polled", "polled_ns", "waited", "waited_ns"};
#define N_SUMS  (sizeof(sums) / sizeof(sums[0]))
#define N_HALTS (sizeof(halts) / sizeof(halts[0]))

struct exits {
	struct reason *reasons;
	size_t n, trials;
	uint64_t ops, vcpu_ns, lost, sum[N_SUMS], halted[N_HALTS];
	char isa[16], untold[200]; /* "": not said */
};

static void cleanup_exitsp(struct exits *exits)
{
	free(exits->reasons);
}
#define cleanup_exits __attribute__((cleanup(cleanup_exitsp)))

static struct reason *find_reason(struct exits *exits, const char *name, bool user)
{
	struct reason *reason = exits->reasons;

	while (reason < exits->reasons + exits->n &&
	       (reason->user != user || strcmp(reason->name, name) != 0))
		reason++;
	if (reason < exits->reasons + exits->n)
		return reason;
	if (exits->n == REASONS_MAX || strlen(name) >= sizeof(reason->name))
		return NULL;
	exits->n++;
	reason->user = user;
	(void)snprintf(reason->name, sizeof(reason->name), "%s", name);
	return reason;
}

static int merge_reasons(const struct run_trial *trial, json_t *by_name, bool user,
			 struct exits *exits, struct tare_err *err)
{
	const char *name;
	json_t *one;

	json_object_foreach(by_name, name, one)
	{
		struct reason *reason = find_reason(exits, name, user);
		int r;

		if (!reason)
			return err_set(err, EBADMSG,
				       "record %" PRIu64 ": too many reasons of exits", trial->seq);
		reason->n += json_u64_or(one, "n", 0);
		reason->sum_ns += json_u64_or(one, "sum_ns", 0);
		if (json_u64_or(one, "max_ns", 0) > reason->away.max)
			reason->away.max = json_u64_or(one, "max_ns", 0);
		r = record_read_buckets(json_object_get(one, "buckets"), &reason->away, err);
		if (r < 0)
			return err_wrap(err, r, "record %" PRIu64 ", exit '%s'", trial->seq, name);
	}
	return 0;
}

/* What is not said stays as it was. */
static void copy_said(const json_t *seen, const char *key, char *buf, size_t size)
{
	const char *said = json_string_or(seen, key, NULL);

	if (said)
		(void)snprintf(buf, size, "%s", said);
}

static int merge_trial(const struct run_trial *trial, struct exits *exits, struct tare_err *err)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_KVM ? run_record(trial) : NULL;
	const json_t *seen = json_object_get(json_object_get(record, "host_collectors"), "kvm");
	const json_t *load = json_object_get(record, "load");
	json_t *lost = json_object_get(seen, "lost"), *one;
	const char *kind;
	int r;

	if (!json_is_object(json_object_get(seen, "exits")))
		return 0;
	r = merge_reasons(trial, json_object_get(seen, "exits"), false, exits, err);
	if (r == 0)
		r = merge_reasons(trial, json_object_get(seen, "user"), true, exits, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < N_SUMS; i++)
		exits->sum[i] += json_u64_or(seen, sums[i], 0);
	for (size_t i = 0; i < N_HALTS; i++)
		exits->halted[i] += json_u64_or(json_object_get(seen, "halts"), halts[i], 0);
	exits->vcpu_ns +=
		json_u64_or(seen, "wall_ns", 0) * json_array_size(json_object_get(seen, "vcpus"));
	exits->ops += json_u64_or(load, "ops", 0) + json_u64_or(load, "lead_in", 0);
	json_object_foreach(lost, kind, one) if (strcmp(kind, "in_flight") != 0) exits->lost +=
		json_is_integer(one) ? (uint64_t)json_integer_value(one) : 0;
	copy_said(seen, "isa", exits->isa, sizeof(exits->isa));
	copy_said(seen, "untold", exits->untold, sizeof(exits->untold));
	exits->trials++;
	return 0;
}

/* Exits first, the most frequent ones first. */
static int compare_reasons(const void *a, const void *b)
{
	const struct reason *one = a, *other = b;

	if (one->user != other->user)
		return one->user ? 1 : -1;
	if (one->n != other->n)
		return one->n < other->n ? 1 : -1;
	return strcmp(one->name, other->name);
}

static json_t *reason_json(const struct exits *exits, const struct reason *reason)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "by",
			 reason->user ? "user" : "exit", "reason", reason->name, "n",
			 json_u64(reason->n), "per_op",
			 json_number((double)reason->n / (double)exits->ops), "sum_ns",
			 json_u64(reason->sum_ns), "mean_ns",
			 json_number((double)reason->sum_ns / (double)reason->away.count), "p50_ns",
			 json_number(histogram_quantile_upper(&reason->away, 0.5)), "p99_ns",
			 json_number(histogram_quantile_upper(&reason->away, 0.99)), "max_ns",
			 json_u64(reason->away.max));
}

static int put_exits(const struct run *run, const struct run_cell *cell, const struct exits *exits,
		     json_t *list, struct tare_err *err)
{
	json_t *object = summary_cell_json(run, cell), *halted = json_object(),
	       *reasons = json_array();
	int r = 0;

	for (size_t i = 0; i < N_HALTS; i++)
		r |= json_put(halted, halts[i], json_u64(exits->halted[i]));
	for (size_t i = 0; i < exits->n; i++)
		(void)json_array_append_new(reasons, reason_json(exits, &exits->reasons[i]));
	for (size_t i = 0; i < N_SUMS; i++)
		r |= json_put(object, sums[i], json_u64(exits->sum[i]));
	r |= json_put(object, "vcpu_ns", json_u64(exits->vcpu_ns));
	r |= json_put(object, "trials", json_u64(exits->trials));
	r |= json_put(object, "ops", json_u64(exits->ops));
	r |= json_put(object, "isa", json_string(exits->isa));
	r |= json_put(object, "untold", json_string(exits->untold));
	r |= json_put(object, "lost", json_u64(exits->lost));
	r |= json_put(object, "halts", halted);
	r |= json_put(object, "reasons", reasons);
	r |= json_array_append_new(list, object);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int add_cell(const struct run *run, const struct run_cell *cell, json_t *list,
		    struct tare_err *err)
{
	cleanup_exits struct exits exits = {.reasons = calloc(REASONS_MAX, sizeof(*exits.reasons))};
	int r = 0;

	if (!exits.reasons)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial))
			r = merge_trial(trial, &exits, err);
	}
	if (r < 0 || exits.trials == 0)
		return r;
	qsort(exits.reasons, exits.n, sizeof(*exits.reasons), compare_reasons);
	return put_exits(run, cell, &exits, list, err);
}

int summary_add_exits(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();
	int r = 0;

	(void)json_put(summary, "exits", list);
	for (size_t i = 0; r == 0 && i < run->n_cells; i++)
		r = add_cell(run, &run->cells[run->order[i]], list, err);
	return r;
}
