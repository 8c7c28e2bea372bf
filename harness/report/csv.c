/* SPDX-License-Identifier: MIT */
#include "report/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

/* RFC 4180. A field that a spreadsheet would run as a formula gets a quote before it. */
static void put_text(FILE *f, const char *text)
{
	bool formula = *text && strchr("=+-@", *text);

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		(void)fputs(text, f);
		return;
	}
	(void)fputs(formula ? "\"'" : "\"", f);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', f);
		(void)fputc(*text, f);
	}
	(void)fputc('"', f);
}

static void put_value(FILE *f, const json_t *value)
{
	if (json_is_string(value))
		put_text(f, json_string_value(value));
	else if (json_is_integer(value))
		(void)fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		(void)fprintf(f, "%.10g", json_real_value(value));
	else if (json_is_boolean(value))
		(void)fputs(json_is_true(value) ? "true" : "false", f);
}

static int end_file(FILE *f, const char *dir, const char *name, struct tare_err *err)
{
	if (ferror(f) || fflush(f) != 0)
		return err_errno(err, "write '%s/%s'", dir, name);
	return 0;
}

static FILE *begin_file(const char *dir, const char *name, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", dir, name);
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		(void)err_errno(err, "write '%s/%s'", dir, name);
	return f;
}

/* "ci" stands for two columns. */
static int write_list(const char *dir, const char *name, const json_t *list,
		      const char *const *columns, struct tare_err *err)
{
	cleanup_fclose FILE *f = begin_file(dir, name, err);
	json_t *row;
	size_t i;

	if (!f)
		return -EIO;
	for (size_t c = 0; columns[c]; c++)
		(void)fprintf(f, "%s%s", c ? "," : "",
			      strcmp(columns[c], "ci") == 0 ? "ci_low,ci_high" : columns[c]);
	(void)fputs("\r\n", f);
	json_array_foreach(list, i, row)
	{
		for (size_t c = 0; columns[c]; c++) {
			const json_t *value = json_object_get(row, columns[c]);

			(void)fputs(c ? "," : "", f);
			if (strcmp(columns[c], "ci") != 0) {
				put_value(f, value);
				continue;
			}
			put_value(f, json_array_get(value, 0));
			(void)fputc(',', f);
			put_value(f, json_array_get(value, 1));
		}
		(void)fputs("\r\n", f);
	}
	return end_file(f, dir, name, err);
}

static int write_slices(const char *dir, const struct run *run, struct tare_err *err)
{
	cleanup_fclose FILE *f = begin_file(dir, "slices.csv", err);

	if (!f)
		return -EIO;
	(void)fputs("seq,group,round,env,load,params,mode,collectors,status,superseded,accel,pass,"
		    "ns_per_op\r\n",
		    f);
	for (size_t i = 0; i < run->n_trials; i++) {
		const struct run_trial *t = &run->trials[i];
		const struct run_cell *cell = &run->cells[t->cell];
		const char *texts[] = {run->envs[cell->env].label,
				       cell->load,
				       cell->params,
				       cell->mode,
				       cell->collectors,
				       run_status_name(t->status)};
		cleanup_free char *head = NULL;
		size_t size;
		FILE *one = open_memstream(&head, &size);

		if (!one)
			return err_set(err, ENOMEM, "out of memory");
		(void)fprintf(one, "%" PRIu64 ",", t->seq);
		put_text(one, cell->group);
		(void)fprintf(one, ",%" PRIu64, t->round);
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
			(void)fputc(',', one);
			put_text(one, texts[k]);
		}
		(void)fprintf(one, ",%s,", t->superseded ? "true" : "false");
		put_text(one, run->envs[cell->env].accel);
		if (fclose(one) != 0)
			return err_set(err, ENOMEM, "out of memory");
		for (size_t k = 0; k < t->n_slices; k++)
			(void)fprintf(f, "%s,%" PRIu64 ",%.9g\r\n", head, t->pass[k],
				      t->ns_per_op[k]);
	}
	return end_file(f, dir, "slices.csv", err);
}

/* A row a step, and one for the whole, whose step is "whole". */
static json_t *flat_ladder(const json_t *ladder)
{
	json_t *rows = json_array(), *climb, *step;
	size_t i, k;

	json_array_foreach(ladder, i, climb)
	{
		cleanup_json json_t *whole = json_copy(json_object_get(climb, "whole"));

		(void)json_put(whole, "env", json_string("whole"));
		(void)json_put(whole, "before", json_string(json_string_or(climb, "first", "")));
		(void)json_object_set(whole, "adds_up", json_object_get(climb, "adds_up"));
		json_array_foreach(json_object_get(climb, "steps"), k, step)
		{
			json_t *row = json_copy(step);
			json_t *added = json_object_get(step, "added");
			json_t *ci = json_object_get(added, "ci");

			(void)json_object_update_missing(row, climb);
			(void)json_object_del(row, "adds_up");
			(void)json_object_set(row, "added_ns", json_object_get(added, "ns"));
			(void)json_object_set(row, "added_low", json_array_get(ci, 0));
			(void)json_object_set(row, "added_high", json_array_get(ci, 1));
			(void)json_array_append_new(rows, row);
		}
		(void)json_object_update_missing(whole, climb);
		(void)json_array_append(rows, whole);
	}
	return rows;
}

static int write_ladder(const char *dir, const json_t *ladder, struct tare_err *err)
{
	static const char *const columns[] = {
		"group",      "load",   "params",  "env",     "before",   "accel",
		"rounds",     "ratio",  "ci",      "level",   "added_ns", "added_low",
		"added_high", "p_holm", "verdict", "adds_up", NULL};
	cleanup_json json_t *rows = flat_ladder(ladder);

	return json_array_size(rows) ? write_list(dir, "ladder.csv", rows, columns, err) : 0;
}

int csv_write(const char *dir, const struct run *run, const json_t *summary, struct tare_err *err)
{
	static const char *const cells[] = {"group",      "env",   "load",   "params", "mode",
					    "collectors", "accel", "metric", "unit",   "rounds",
					    "median",     "ci",    "level",  "p50",    "p90",
					    "p99",        "p999",  "max",    NULL};
	static const char *const ratios[] = {"group",   "env",   "baseline", "load",   "params",
					     "mode",    "accel", "metric",   "rounds", "pairs",
					     "ratio",   "ci",    "level",    "method", "p_holm",
					     "verdict", "why",   NULL};
	int r = write_list(dir, "cells.csv", json_object_get(summary, "cells"), cells, err);

	if (r < 0 || (r = write_list(dir, "ratios.csv", json_object_get(summary, "ratios"), ratios,
				     err)) < 0)
		return r;
	r = write_ladder(dir, json_object_get(summary, "ladder"), err);
	return r < 0 ? r : write_slices(dir, run, err);
}
