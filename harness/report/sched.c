/* SPDX-License-Identifier: MIT */
#include "report/sched.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/record.h"

/* As in collectors/sched.c. */
const char *const sched_causes[SCHED_N_CAUSES] = {"throttled", "memstall", "iowait", "preempted",
						  "sleep"};

/* New reference; NULL: it did not watch, or could not. */
static json_t *sched_of(const struct run_trial *trial)
{
	cleanup_json json_t *record =
		run_trial_counts(trial) && trial->has & RUN_HAS_SCHED ? run_record(trial) : NULL;
	json_t *seen = json_object_get(json_object_get(record, "collectors"), "sched");

	return json_object_get(seen, "queue") ? json_incref(seen) : NULL;
}

bool sched_watched(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		cleanup_json json_t *seen = sched_of(&run->trials[cell->trials[i]]);

		if (seen)
			return true;
	}
	return false;
}

static int add_trial(const struct run_trial *trial, const json_t *seen, struct sched *sched,
		     struct tare_err *err)
{
	const json_t *queue = json_object_get(seen, "queue");
	json_t *lost = json_object_get(seen, "lost"), *one;
	uint64_t max = json_u64_or(queue, "max_ns", 0);
	const char *kind;
	int r;

	for (size_t i = 0; i < SCHED_N_CAUSES; i++) {
		double ns = json_double_or(
			json_object_get(json_object_get(seen, "off_cpu"), sched_causes[i]),
			"sum_ns", 0);

		sched->off_ns[i] += fmax(ns, 0);
		sched->off_all_ns += fmax(ns, 0);
	}
	sched->switches += json_u64_or(seen, "switches", 0);
	sched->migrations += json_u64_or(seen, "migrations", 0);
	/* A wait that is still under way at the second snapshot is no loss. */
	json_object_foreach(lost, kind, one)
	{
		if (strcmp(kind, "in_flight") != 0)
			sched->lost += json_is_integer(one) ? (uint64_t)json_integer_value(one) : 0;
	}
	if (max > sched->queue.max)
		sched->queue.max = max;
	sched->trials++;
	r = record_read_buckets(json_object_get(queue, "buckets"), &sched->queue, err);
	return r < 0 ? err_wrap(err, r, "record %" PRIu64 ", run queue", trial->seq) : 0;
}

int sched_merge(const struct run *run, const struct run_cell *cell, struct sched *ret,
		struct tare_err *err)
{
	*ret = (struct sched){0};
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *seen = sched_of(trial);
		int r = seen ? add_trial(trial, seen, ret, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
