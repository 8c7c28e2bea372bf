/* SPDX-License-Identifier: MIT */
/* The export of hyperfine, so that what reads one (its plotting scripts, dashboards) reads ours. */
#include <math.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/bench/document.h"

#define NS_PER_S_D 1e9
#define US_PER_S_D 1e6

static json_t *scaled(const json_t *figure, const char *key, double by)
{
	return json_number(json_double_or(figure, key, NAN) / by);
}

/* The command as it was asked for, parameters not put in: they are beside it. */
static json_t *command_text(const json_t *document)
{
	json_t *text = json_string(""), *longer;
	const json_t *word;
	size_t i;

	json_array_foreach(json_object_get(document, "command"), i, word)
	{
		longer = json_sprintf("%s%s%s", json_string_value(text), i ? " " : "",
				      json_string_value(word));
		json_decref(text);
		text = longer;
	}
	return text;
}

/* Every run of a cell that counts. */
static void put_runs(const json_t *document, const json_t *cell, json_t *result)
{
	json_t *times = json_array(), *codes = json_array();
	const json_t *run;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run)
	{
		const json_t *end = json_object_get(run, "exit");
		const json_t *round = json_array_get(json_object_get(document, "rounds"),
						     json_u64_or(run, "round", 0));

		if (!json_bool_or(round, "counts", false) ||
		    !json_equal(json_object_get(run, "env"), json_object_get(cell, "env")) ||
		    !json_equal(json_object_get(run, "parameters"),
				json_object_get(cell, "parameters")))
			continue;
		(void)json_array_append_new(times, scaled(run, "wall_ns", NS_PER_S_D));
		/* hyperfine has null for what a signal ended. */
		(void)json_array_append_new(codes,
					    json_object_get(end, "status")
						    ? json_incref(json_object_get(end, "status"))
						    : json_null());
	}
	(void)json_put(result, "times", times);
	(void)json_put(result, "exit_codes", codes);
}

static json_t *result_json(const json_t *document, const json_t *cell)
{
	static const char *const keys[] = {"mean", "stddev", "median", "min", "max"};
	const json_t *wall = json_object_get(cell, "wall_ns");
	json_t *result = json_pack("{s:o, s:O}", "command", command_text(document), "environment",
				   json_object_get(cell, "env"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		(void)json_put(result, keys[i], scaled(wall, keys[i], NS_PER_S_D));
	(void)json_put(result, "user",
		       scaled(json_object_get(cell, "user_us"), "mean", US_PER_S_D));
	(void)json_put(result, "system",
		       scaled(json_object_get(cell, "system_us"), "mean", US_PER_S_D));
	(void)json_put(result, "parameters", json_incref(json_object_get(cell, "parameters")));
	put_runs(document, cell, result);
	return result;
}

int bench_export_json(const json_t *document, FILE *to, struct tare_err *err)
{
	cleanup_json json_t *results = json_array();
	cleanup_json json_t *all = json_pack("{s:O}", "results", results);
	const json_t *cell;
	size_t i;

	if (!all)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(json_object_get(document, "cells"), i, cell)(void)
		json_array_append_new(results, result_json(document, cell));
	if (json_dumpf(all, to, JSON_INDENT(2)) < 0 || fputc('\n', to) < 0)
		return err_errno(err, "write the JSON");
	return 0;
}
