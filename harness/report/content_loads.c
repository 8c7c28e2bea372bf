/* SPDX-License-Identifier: MIT */
/* A section for each load: ratios, absolute figures, percentiles, the latency plot. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/content.h"
#include "report/plot.h"

static bool is_load(const json_t *row, const struct run_cell *cell)
{
	return strcmp(json_string_or(row, "load", ""), cell->load) == 0 &&
	       strcmp(json_string_or(row, "params", ""), cell->params) == 0;
}

static bool is_metric(const json_t *row, const char *metric)
{
	return strcmp(json_string_or(row, "metric", ""), metric) == 0;
}

static bool is_observed(const struct content *c, const json_t *row)
{
	for (size_t i = 0; i < c->run->n_cells; i++) {
		const struct run_cell *cell = &c->run->cells[i];

		if (cell->observed && is_load(row, cell) &&
		    strcmp(cell->group, json_string_or(row, "group", "")) == 0 &&
		    strcmp(cell->collectors, json_string_or(row, "collectors", "")) == 0)
			return true;
	}
	return false;
}

/* The row of a list that is of the same cell; metric may be NULL. */
static const json_t *row_like(const json_t *list, const json_t *cell, const char *metric)
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		if (content_is_same(row, cell, "group") && content_is_same(row, cell, "env") &&
		    content_is_same(row, cell, "load") && content_is_same(row, cell, "params") &&
		    content_is_same(row, cell, "mode") &&
		    content_is_same(row, cell, "collectors") && (!metric || is_metric(row, metric)))
			return row;
	}
	return NULL;
}

static void put_ratio(struct table *t, size_t column, const json_t *ratio, bool is_baseline)
{
	const char *verdict = json_string_or(ratio, "verdict", "-");
	const char *why = json_string_or(ratio, "why", NULL);
	enum tone tone = TONE_QUIET;
	char text[96];

	if (strcmp(verdict, "slower") == 0)
		tone = TONE_BAD;
	else if (strcmp(verdict, "equivalent") == 0 || strcmp(verdict, "faster") == 0)
		tone = TONE_GOOD;
	if (!ratio) {
		table_cell(t, column, TONE_QUIET, "%s", is_baseline ? "1" : "-");
		table_cell(t, column + 1, TONE_QUIET, "%s",
			   is_baseline ? "baseline" : "not compared");
		return;
	}
	table_cell(t, column, TONE_PLAIN, "%s", content_ratio(ratio, text, sizeof(text)));
	table_cell(t, column + 1, tone, "%s%s%s", verdict, why ? ": " : "", why ? why : "");
}

/* "12", or "12 in 6 instances" where some share a guest. */
static void put_rounds(struct table *t, size_t column, const json_t *row)
{
	unsigned long long rounds = json_u64_or(row, "rounds", 0);
	unsigned long long instances = json_u64_or(row, "instances", rounds);

	if (instances == rounds)
		table_cell(t, column, TONE_PLAIN, "%llu", rounds);
	else
		table_cell(t, column, TONE_PLAIN, "%llu in %llu instances", rounds, instances);
}

static bool is_time_row(const struct content *c, const json_t *cell, const struct run_cell *load)
{
	return is_load(cell, load) && is_metric(cell, "ns_per_op") && !is_observed(c, cell);
}

/* Of the collectors, alone or together, those that cost the cell most; NULL: not weighed. */
static const json_t *dearest_observer(const struct content *c, const json_t *cell)
{
	const json_t *row, *dearest = NULL;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "observer"), i, row)
	{
		if (content_is_same(row, cell, "env") && content_is_same(row, cell, "load") &&
		    content_is_same(row, cell, "params") && content_is_same(row, cell, "mode") &&
		    json_is_array(json_object_get(row, "ci")) &&
		    (!dearest ||
		     json_double_or(row, "ratio", 0) > json_double_or(dearest, "ratio", 0)))
			dearest = row;
	}
	return dearest;
}

/* What watching costs the load in each environment, with the interval. */
static int say_observers(struct content *c, const struct run_cell *load, struct tare_err *err)
{
	cleanup_free char *text = NULL;
	const char *before = "Dearest to watch: ";
	size_t size, i;
	json_t *cell;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(json_object_get(c->summary, "cells"), i, cell)
	{
		const json_t *row = is_time_row(c, cell, load) ? dearest_observer(c, cell) : NULL;
		const char *verdict = json_string_or(row, "verdict", "");
		char ratio[96];

		if (!row)
			continue;
		(void)fprintf(out, "%s*%s*: %s times with %s%s%s%s", before, content_env(c, cell),
			      content_ratio(row, ratio, sizeof(ratio)),
			      json_string_or(row, "collectors", ""),
			      *verdict ? " (its effect: " : "", verdict, *verdict ? ")" : "");
		before = "; ";
	}
	if (fclose(out) != 0)
		return err_set(err, ENOMEM, "out of memory");
	if (*text)
		doc_say(&c->doc, "%s.", text);
	return 0;
}

static int add_time_row(const struct content *c, struct table *t, const json_t *cell,
			struct tare_err *err)
{
	const json_t *ratio = row_like(json_object_get(c->summary, "ratios"), cell, "ns_per_op");
	int r = table_row(t, err);
	char text[128];

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", content_env(c, cell));
	table_cell(t, 1, TONE_QUIET, "%s", json_string_or(cell, "group", ""));
	put_ratio(t, 2, ratio, strcmp(json_string_or(cell, "env", ""), run_baseline(c->run)) == 0);
	table_cell(t, 4, TONE_PLAIN, "%s", content_time(cell, "median", text, sizeof(text)));
	put_rounds(t, 5, ratio ? ratio : cell);
	table_cell(t, 6, TONE_QUIET, "%.2f %%", 100 * json_double_or(ratio, "level", 0));
	if (json_double_or(ratio, "level", 0) == 0)
		table_cell(t, 6, TONE_QUIET, "-");
	table_cell(t, 7, TONE_QUIET, "%s",
		   json_string_or(json_object_get(ratio, "more"), "text", "-"));
	return 0;
}

/* What the last column needs: how narrow the intervals are to be. */
static double wanted_pct(const struct content *c)
{
	const json_t *any = json_array_get(json_object_get(c->summary, "ratios"), 0);

	return json_double_or(json_object_get(any, "more"), "within_pct",
			      json_double_or(c->summary, "effect_pct", 0));
}

static int time_table(struct content *c, const struct run_cell *load, size_t *ret_rows,
		      struct tare_err *err)
{
	cleanup_free char *more = text_format("for ±%.3g %%", wanted_pct(c));
	cleanup_table struct table t = {.n_columns = 8,
					.head = {"environment", "group", "ratio (interval)",
						 "verdict", "time per operation (interval)",
						 "rounds", "level", more ? more : ""},
					.number = {[2] = true, [4] = true, [5] = true, [6] = true}};
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "cells"), i, cell)
	{
		int r = 0;

		if (is_time_row(c, cell, load))
			r = add_time_row(c, &t, cell, err);
		if (r < 0)
			return r;
	}
	*ret_rows += t.n_rows;
	if (t.n_rows)
		c->doc.ops->table(&c->doc, &t);
	return say_observers(c, load, err);
}

static int latency_table(struct content *c, const struct run_cell *load, size_t *ret_rows,
			 struct tare_err *err)
{
	static const char *const keys[] = {"p50", "p90", "p99", "p999", "max"};
	cleanup_table struct table t = {.n_columns = 10,
					.head = {"environment", "group", "p50 ratio (interval)",
						 "verdict", "p50", "p90", "p99", "p99.9", "max",
						 "operations"},
					.number = {[2] = true,
						   [4] = true,
						   [5] = true,
						   [6] = true,
						   [7] = true,
						   [8] = true,
						   [9] = true}};
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "cells"), i, cell)
	{
		int r;

		if (!is_load(cell, load) || !is_metric(cell, "latency"))
			continue;
		r = table_row(&t, err);
		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", content_env(c, cell));
		table_cell(&t, 1, TONE_QUIET, "%s", json_string_or(cell, "group", ""));
		put_ratio(&t, 2,
			  row_like(json_object_get(c->summary, "ratios"), cell, "latency_p50"),
			  strcmp(json_string_or(cell, "env", ""), run_baseline(c->run)) == 0);
		for (size_t k = 0; k < 5; k++) {
			char text[32];

			table_cell(&t, 4 + k, TONE_PLAIN, "%s%s", k < 4 ? "≤ " : "",
				   units_print_ns(json_double_or(cell, keys[k], NAN), text,
						  sizeof(text)));
		}
		table_cell(&t, 9, TONE_QUIET, "%llu",
			   (unsigned long long)json_u64_or(cell, "count", 0));
	}
	*ret_rows += t.n_rows;
	if (t.n_rows)
		c->doc.ops->table(&c->doc, &t);
	return 0;
}

static int figure_table(struct content *c, const struct run_cell *load, size_t *ret_rows,
			struct tare_err *err)
{
	cleanup_table struct table t = {
		.n_columns = 5,
		.head = {"environment", "group", "figure", "value", "interval"},
		.number = {[3] = true, [4] = true}};
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "cells"), i, cell)
	{
		const json_t *ci = json_object_get(cell, "ci");
		int r;

		if (!is_load(cell, load) || is_metric(cell, "ns_per_op") ||
		    is_metric(cell, "latency") || is_observed(c, cell))
			continue;
		r = table_row(&t, err);
		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", content_env(c, cell));
		table_cell(&t, 1, TONE_QUIET, "%s", json_string_or(cell, "group", ""));
		table_cell(&t, 2, TONE_PLAIN, "%s", json_string_or(cell, "metric", ""));
		table_cell(&t, 3, TONE_PLAIN, "%.4g %s", json_double_or(cell, "median", NAN),
			   json_string_or(cell, "unit", ""));
		table_cell(&t, 4, TONE_QUIET, "-");
		if (json_is_array(ci))
			table_cell(&t, 4, TONE_QUIET, "%.4g .. %.4g",
				   json_number_value(json_array_get(ci, 0)),
				   json_number_value(json_array_get(ci, 1)));
	}
	*ret_rows += t.n_rows;
	if (t.n_rows)
		c->doc.ops->table(&c->doc, &t);
	return 0;
}

static int latency_figure(struct content *c, const struct run_cell *load, struct tare_err *err)
{
	for (size_t i = 0; i < c->run->n_cells; i++) {
		const struct run_cell *cell = &c->run->cells[i];
		cleanup_free char *what = NULL;
		cleanup_free char *caption = NULL;
		char name[32];

		if (strcmp(cell->mode, "latency") != 0 || strcmp(cell->name, load->name) != 0 ||
		    !run_is_first_of_set(c->run, i))
			continue;
		what = text_format(
			"%s: time of single operations, group %s, up to %zu rounds "
			"together; left to p99.5, right the tail; both with log axes of time.",
			cell->name, cell->group, cell->n_trials);
		caption = what ? content_caption(c, what) : NULL;
		if (!caption)
			return err_set(err, ENOMEM, "out of memory");
		plot_set_name("latency", i, name, sizeof(name));
		c->doc.ops->figure(&c->doc, name, caption);
	}
	return 0;
}

/* What the load is, from the manifest. */
static void say_load(struct content *c, const struct run_cell *cell)
{
	json_t *load;
	size_t i;

	json_array_foreach(json_object_get(c->run->manifest, "loads"), i, load)
	{
		if (strcmp(json_string_or(load, "name", ""), cell->load) != 0)
			continue;
		doc_say(&c->doc, "%s; one operation is %s.", json_string_or(load, "summary", ""),
			json_string_or(load, "op", "?"));
		return;
	}
}

/* The programs that a cell's load has started, a new reference; NULL: none, or no trial tells. */
static json_t *programs_of(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *record = NULL;

		if (!run_trial_counts(trial) || !(trial->has & RUN_HAS_PROGRAMS))
			continue;
		record = run_record(trial);
		return json_incref(json_object_get(json_object_get(record, "load"), "programs"));
	}
	return NULL;
}

/* Is what was started one and the same file everywhere? */
static void say_programs(struct content *c, const struct run_cell *load)
{
	const struct run_cell *first = NULL, *other = NULL;
	cleanup_json json_t *want = NULL;

	for (size_t i = 0; i < c->run->n_cells && !other; i++) {
		const struct run_cell *cell = &c->run->cells[c->run->order[i]];
		cleanup_json json_t *programs =
			strcmp(cell->name, load->name) == 0 ? programs_of(c->run, cell) : NULL;

		if (programs && !first) {
			first = cell;
			want = json_incref(programs);
		} else if (programs && !json_equal(programs, want)) {
			other = cell;
		}
	}
	if (other)
		doc_say(&c->doc,
			"*Not the same program everywhere*: '%s' has started another file than "
			"'%s': more than the environments is compared. One image in all of them "
			"mends it.",
			c->run->envs[other->env].label, c->run->envs[first->env].label);
	else if (first)
		doc_say(&c->doc, "The whole programs that it starts are *the same files in all*.");
}

int content_loads(struct content *c, struct tare_err *err)
{
	bool latencies = false;

	c->doc.ops->heading(&c->doc, 2, "Loads");
	for (size_t i = 0; i < c->run->n_cells; i++) {
		const struct run_cell *cell = &c->run->cells[c->run->order[i]];
		bool known = false;
		size_t rows = 0;
		int r;

		latencies |= strcmp(cell->mode, "latency") == 0;
		for (size_t k = 0; k < i; k++)
			known |= strcmp(c->run->cells[c->run->order[k]].name, cell->name) == 0;
		if (known)
			continue;
		c->doc.ops->heading(&c->doc, 3, cell->name);
		say_load(c, cell);
		say_programs(c, cell);
		if ((r = time_table(c, cell, &rows, err)) < 0 ||
		    (r = latency_table(c, cell, &rows, err)) < 0 ||
		    (r = figure_table(c, cell, &rows, err)) < 0 ||
		    (r = latency_figure(c, cell, err)) < 0)
			return r;
		if (rows == 0)
			doc_say(&c->doc,
				"It has no figure of its own: see the limits at work and the "
				"failed trials below.");
	}
	if (!latencies)
		doc_say(&c->doc, "There are no latency distributions: the campaign had no group in "
				 "latency mode.");
	return 0;
}
