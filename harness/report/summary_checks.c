/* SPDX-License-Identifier: MIT */
/* What disturbed the run, what was lost, and what did not run at all. */
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"

/* Lists are kept short: a hostile run may have a sentence of its own in each record. */
#define ROWS_MAX 200

/* Count one more of a row that has these texts; the row, or NULL where there are too many. */
static json_t *count_row(json_t *list, const char *const *keys, const char *const *texts, size_t n)
{
	json_t *row;
	size_t i, same;

	json_array_foreach(list, i, row)
	{
		for (same = 0; same < n; same++) {
			if (strcmp(json_string_or(row, keys[same], ""), texts[same]) != 0)
				break;
		}
		if (same == n) {
			(void)json_put(row, "count", json_u64(json_u64_or(row, "count", 0) + 1));
			return row;
		}
	}
	if (json_array_size(list) >= ROWS_MAX)
		return NULL;
	row = json_object();
	for (same = 0; same < n; same++)
		(void)json_put(row, keys[same], json_string(texts[same]));
	(void)json_put(row, "count", json_u64(1));
	return json_array_append_new(list, row) < 0 ? NULL : row;
}

static void count_failure(const struct run *run, const struct run_trial *trial,
			  const json_t *record, json_t *list)
{
	static const char *const keys[] = {"env", "load", "params", "group", "status", "why"};
	const struct run_cell *cell = &run->cells[trial->cell];
	const char *texts[] = {run->envs[cell->env].label,
			       cell->load,
			       cell->params,
			       cell->group,
			       run_status_name(trial->status),
			       json_string_or(record, "why", "no reason was given")};

	if (trial->status != RUN_OK)
		(void)count_row(list, keys, texts, 6);
}

static void count_what(json_t *list, const char *env, json_t *taken_what)
{
	static const char *const keys[] = {"what"};
	const char *what = json_string_value(taken_what);
	json_t *row = what ? count_row(list, keys, &what, 1) : NULL;
	json_t *envs = json_object_get(row, "envs");

	if (row && !envs) {
		envs = json_array();
		(void)json_put(row, "envs", envs);
	}
	if (row)
		summary_list_once(envs, env);
	json_decref(taken_what);
}

static void count_losses(const char *env, const char *name, const json_t *seen, json_t *list)
{
	const char *kind, *why = json_string_or(seen, "unsupported", NULL);
	json_t *value, *lost = json_object_get(seen, "lost");

	if (why)
		count_what(list, env, json_sprintf("collector %s: %s", name, why));
	json_object_foreach(lost, kind, value)
	{
		if (json_number_value(value) > 0 && strcmp(kind, "in_flight") != 0)
			count_what(list, env, json_sprintf("collector %s lost: %s", name, kind));
	}
}

int summary_add_checks(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *validity = json_array(), *failures = json_array();

	(void)err;
	(void)json_put(summary, "validity", validity);
	(void)json_put(summary, "failures", failures);
	for (size_t i = 0; i < run->n_trials; i++) {
		const struct run_trial *trial = &run->trials[i];
		const char *env = run->envs[run->cells[trial->cell].env].label, *name;
		cleanup_json json_t *record = NULL;
		json_t *seen, *outside, *one;
		const json_t *disturbed;

		if (trial->superseded ||
		    (trial->status == RUN_OK && !(trial->has & RUN_HAS_TROUBLE)))
			continue;
		record = run_record(trial);
		seen = json_object_get(record, "collectors");
		outside = json_object_get(record, "host_collectors");
		disturbed = json_object_get(json_object_get(record, "validity"), "disturbed");
		count_failure(run, trial, record, failures);
		for (size_t k = 0; k < json_array_size(disturbed); k++)
			count_what(validity, env, json_incref(json_array_get(disturbed, k)));
		json_object_foreach(seen, name, one) count_losses(env, name, one, validity);
		json_object_foreach(outside, name, one) count_losses(env, name, one, validity);
	}
	for (size_t i = 0; run->twins && i < run->twins->n_trials; i++) {
		const struct run_trial *trial = &run->twins->trials[i];
		cleanup_json json_t *record = NULL;

		if (trial->superseded || trial->status == RUN_OK)
			continue;
		record = run_record(trial);
		count_failure(run->twins, trial, record, failures);
	}
	return 0;
}
