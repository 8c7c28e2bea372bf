/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/startup/play.h"
#include "cli/table.h"
#include "engine/fingerprint.h"
#include "rounds/paired.h"

#define NS_PER_MS_D 1e6

/* Rows of an environment: hyperfine's figures, then the moments. */
enum { WALL, USER, SYSTEM, MOMENTS, N_ROWS = MOMENTS + LAUNCH_MOMENTS };

static size_t row_of(size_t env, size_t metric)
{
	return env * N_ROWS + metric;
}

static json_t *moments_json(const struct launch_spans *spans)
{
	json_t *moments = json_object();

	for (size_t m = 0; m < LAUNCH_MOMENTS; m++)
		if (spans->at_ns[m])
			(void)json_put(moments, launch_moment_names[m], json_u64(spans->at_ns[m]));
	return moments;
}

/* Of a round that was played to its end, since half a run has no figures. */
static json_t *runs_json(const struct startup_plan *plan, const struct startup_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_runs; i++) {
		const struct startup_run *run = &result->runs[i];

		if (!result->rounds.items[run->round].complete)
			continue;
		(void)json_array_append_new(
			list,
			json_pack("{s:o, s:s, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:O}}",
				  "round", json_u64(run->round), "env",
				  plan->envs->items[run->env].label, "hyperfine", "position",
				  json_u64(run->timed_at), "wall_ns",
				  json_number(run->times.wall_ns), "user_us",
				  json_number(run->times.user_us), "system_us",
				  json_number(run->times.system_us), "seen", "position",
				  json_u64(run->seen_at), "at_ns", moments_json(&run->spans),
				  "uncertain_ns", json_u64(run->spans.uncertain_ns), "instance",
				  run->spans.instance));
	}
	return list;
}

static int gather(const struct startup_plan *plan, const struct startup_result *result,
		  struct paired *ret, struct tare_err *err)
{
	int r = paired_make(N_ROWS * plan->envs->n, result->rounds.n, ret, err);

	for (size_t i = 0; r == 0 && i < result->n_runs; i++) {
		const struct startup_run *run = &result->runs[i];

		if (!rounds_count(&result->rounds, run->round))
			continue;
		paired_put(ret, row_of(run->env, WALL), run->round, run->times.wall_ns);
		paired_put(ret, row_of(run->env, USER), run->round, run->times.user_us);
		paired_put(ret, row_of(run->env, SYSTEM), run->round, run->times.system_us);
		for (size_t m = 0; m < LAUNCH_MOMENTS; m++)
			if (run->spans.at_ns[m])
				paired_put(ret, row_of(run->env, MOMENTS + m), run->round,
					   (double)run->spans.at_ns[m]);
	}
	return r;
}

static const struct launch_spans *spans_of(const struct startup_result *result, size_t env)
{
	for (size_t i = 0; i < result->n_runs; i++)
		if (result->runs[i].env == env && result->runs[i].spans.at_ns[LAUNCH_GONE])
			return &result->runs[i].spans;
	return NULL;
}

static int put_moments(const struct paired *paired, size_t env, json_t *object,
		       struct tare_err *err)
{
	json_t *moments = json_object();
	int r = 0;

	(void)json_put(object, "at_ns", moments);
	for (size_t m = 0; m < LAUNCH_MOMENTS && r == 0; m++) {
		json_t *figure = NULL;

		r = paired_figure(paired, row_of(env, MOMENTS + m), &figure, err);
		if (json_u64_or(figure, "rounds", 0) > 0)
			(void)json_put(moments, launch_moment_names[m], figure);
		else
			json_decref(figure);
	}
	return r;
}

static int put_cell(const struct startup_plan *plan, const struct startup_result *result,
		    const struct paired *paired, size_t env, json_t *cells, struct tare_err *err)
{
	static const char *const keys[] = {
		[WALL] = "wall_ns", [USER] = "user_us", [SYSTEM] = "system_us"};
	const struct launch_spans *spans = spans_of(result, env);
	const char *boot = spans && spans->boot[0] ? spans->boot : NULL;
	json_t *object = json_pack("{s:s, s:s, s:s*, s:s*}", "env", plan->envs->items[env].label,
				   "cache", plan->asked.warmup ? "warm" : "as found", "boot", boot,
				   "accel", boot ? spans->accel : NULL);
	int r = object ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t m = 0; m < MOMENTS && r == 0; m++) {
		json_t *figure = NULL;

		r = paired_figure(paired, row_of(env, m), &figure, err);
		(void)json_put(object, keys[m], figure);
	}
	if (r == 0)
		r = put_moments(paired, env, object, err);
	(void)json_array_append_new(cells, object);
	return r;
}

/* Of the whole, and of the time until the payload runs: two sets of runs, two questions. */
static int put_ratios(const struct startup_plan *plan, const struct paired *paired, size_t env,
		      json_t *ratios, struct tare_err *err)
{
	static const struct {
		const char *name;
		size_t row;
	} metrics[] = {{"wall_ns", WALL}, {"payload_ns", MOMENTS + LAUNCH_PAYLOAD}};

	for (size_t m = 0; m < 2; m++) {
		json_t *object = NULL;
		int r = paired_ratio(paired, row_of(env, metrics[m].row), row_of(0, metrics[m].row),
				     plan->asked.effect, &object, err);

		if (r < 0)
			return r;
		(void)json_put(object, "env", json_string(plan->envs->items[env].label));
		(void)json_put(object, "baseline", json_string(plan->envs->items[0].label));
		(void)json_put(object, "metric", json_string(metrics[m].name));
		(void)json_array_append_new(ratios, object);
	}
	return 0;
}

static int put_figures(const struct startup_plan *plan, const struct startup_result *result,
		       json_t *document, struct tare_err *err)
{
	json_t *cells = json_array(), *ratios = json_array();
	struct paired paired = {0};
	int r = gather(plan, result, &paired, err);

	for (size_t env = 0; env < plan->envs->n && r == 0; env++) {
		r = put_cell(plan, result, &paired, env, cells, err);
		if (r == 0 && env > 0)
			r = put_ratios(plan, &paired, env, ratios, err);
	}
	free(paired.x);
	(void)json_put(document, "cells", cells);
	(void)json_put(document, "ratios", ratios);
	return r;
}

int startup_document(const struct startup_plan *plan, const struct startup_result *result,
		     json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *document =
		json_pack("{s:s, s:s, s:o, s:s, s:s}", "schema", "tare.startup/1", "tare",
			  TARE_VERSION, "machine", fingerprint_read(), "hyperfine",
			  result->hyperfine, "baseline", plan->envs->items[0].label);
	int r;

	if (!document)
		return err_set(err, ENOMEM, "out of memory");
	rounds_put(document, plan->envs, &plan->asked, &result->rounds);
	(void)json_put(document, "runs", runs_json(plan, result));
	r = put_figures(plan, result, document, err);
	if (r == 0)
		*ret = json_incref(document);
	return r;
}

/* Emulation is never shown without its name. */
static void put_name(struct table *t, const json_t *cell)
{
	const char *accel = json_string_or(cell, "accel", NULL);

	table_cell(t, 0, TONE_PLAIN, "%s", json_string_or(cell, "env", ""));
	table_cell(t, 1, TONE_QUIET, "%s%s%s%s%s", json_string_or(cell, "cache", ""),
		   accel ? ", " : "", json_string_or(cell, "boot", ""), accel ? ", " : "",
		   !accel                      ? ""
		   : strcmp(accel, "tcg") == 0 ? "TCG"
					       : accel);
}

static int make_times(const json_t *document, struct table *t, struct tare_err *err)
{
	const json_t *cell;
	char text[160];
	size_t i;

	*t = (struct table){.n_columns = 7,
			    .head = {"environment", "start", "time [95 %]", "user", "system",
				     "ratio [95 %]", "verdict"},
			    .number = {[2] = true, [3] = true, [4] = true, [5] = true}};
	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		const json_t *ratio = paired_find_ratio(document, cell, "wall_ns");
		const char *verdict = json_string_or(ratio, "verdict", "baseline");
		int r = table_row(t, err);

		if (r < 0)
			return r;
		put_name(t, cell);
		table_cell(t, 2, TONE_PLAIN, "%s",
			   table_time(json_object_get(cell, "wall_ns"), 1, text, sizeof(text)));
		for (size_t c = 3; c < 5; c++)
			table_cell(t, c, TONE_PLAIN, "%s",
				   table_median(
					   json_object_get(cell, c == 3 ? "user_us" : "system_us"),
					   1e3, text, sizeof(text)));
		table_cell(t, 5, TONE_PLAIN, "%s",
			   ratio ? table_ratio(ratio, text, sizeof(text)) : "1");
		table_cell(t, 6, table_tone(verdict), "%s", verdict);
	}
	return 0;
}

/* In milliseconds throughout, so that they can be compared along a line. */
static int make_moments(const json_t *document, struct table *t, struct tare_err *err)
{
	const json_t *cell;
	size_t i;

	*t = (struct table){.n_columns = 1 + LAUNCH_MOMENTS, .head = {"ms since asked"}};
	for (size_t m = 0; m < LAUNCH_MOMENTS; m++) {
		t->head[1 + m] = launch_moment_names[m];
		t->number[1 + m] = true;
	}
	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		int r = table_row(t, err);

		if (r < 0)
			return r;
		table_cell(t, 0, TONE_PLAIN, "%s", json_string_or(cell, "env", ""));
		for (size_t m = 0; m < LAUNCH_MOMENTS; m++) {
			const json_t *figure = json_object_get(json_object_get(cell, "at_ns"),
							       launch_moment_names[m]);

			if (figure)
				table_cell(t, 1 + m, TONE_PLAIN, "%.2f",
					   json_double_or(figure, "median", NAN) / NS_PER_MS_D);
			else
				table_cell(t, 1 + m, TONE_QUIET, "-");
		}
	}
	return 0;
}

void startup_print(const json_t *document)
{
	cleanup_table struct table times = {0}, moments = {0};
	size_t n = 0, i;
	const json_t *round;

	if (make_times(document, &times, NULL) < 0 || make_moments(document, &moments, NULL) < 0)
		return;
	json_array_foreach(json_object_get(document, "rounds"), i, round) n +=
		json_bool_or(round, "counts", false);
	(void)printf("A start and its end by %s on 'tare exec':\n\n",
		     json_string_or(document, "hyperfine", "?"));
	table_print(&times, stdout);
	(void)printf("\nIts moments, medians of starts of their own:\n\n");
	table_print(&moments, stdout);
	(void)printf("\n%zu round%s, seed %llu\n", n, n == 1 ? "" : "s",
		     (unsigned long long)json_u64_or(document, "seed", 0));
}
