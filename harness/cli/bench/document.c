/* SPDX-License-Identifier: MIT */
#include "cli/bench/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/fingerprint.h"
#include "rounds/paired.h"

/* Wall time, user and system CPU time of each cell. */
enum { WALL, USER, SYSTEM, N_METRICS };

static json_t *words_json(char *const *words)
{
	json_t *list = json_array();

	for (; *words; words++)
		(void)json_array_append_new(list, json_string(*words));
	return list;
}

static json_t *parameters_json(const struct bench_plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->n_parameters; i++) {
		const struct bench_parameter *p = &plan->parameters[i];
		json_t *values = json_array();

		for (size_t v = 0; v < p->n; v++)
			(void)json_array_append_new(values, json_string(p->values[v]));
		(void)json_array_append_new(
			list, json_pack("{s:s, s:o}", "name", p->name, "values", values));
	}
	return list;
}

static json_t *exit_json(int status)
{
	return WIFSIGNALED(status) ? json_pack("{s:i}", "signal", WTERMSIG(status))
				   : json_pack("{s:i}", "status", WEXITSTATUS(status));
}

static json_t *runs_json(const struct bench_plan *plan, const struct bench_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_runs; i++) {
		const struct bench_run *run = &result->runs[i];

		(void)json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "round",
				  json_u64(run->round), "position", json_u64(run->position), "env",
				  plan->envs->items[run->env].label, "parameters",
				  bench_point_json(plan, run->point), "instance", run->instance,
				  "env_padding", json_u64(run->padding), "wall_ns",
				  json_u64(run->wall_ns), "user_us", json_u64(run->user_us),
				  "system_us", json_u64(run->system_us), "exit",
				  exit_json(run->status)));
	}
	return list;
}

/* A row is a metric of a cell. */
static int gather(const struct bench_plan *plan, const struct bench_result *result,
		  struct paired *ret, struct tare_err *err)
{
	size_t points = bench_points(plan);
	int r = paired_make(N_METRICS * points * plan->envs->n, result->rounds.n, ret, err);

	for (size_t i = 0; r == 0 && i < result->n_runs; i++) {
		const struct bench_run *run = &result->runs[i];
		size_t row = N_METRICS * (run->env * points + run->point);

		if (!rounds_count(&result->rounds, run->round))
			continue;
		paired_put(ret, row + WALL, run->round, (double)run->wall_ns);
		paired_put(ret, row + USER, run->round, (double)run->user_us);
		paired_put(ret, row + SYSTEM, run->round, (double)run->system_us);
	}
	return r;
}

static size_t count_failures(const struct bench_result *result, size_t env, size_t point)
{
	size_t n = 0;

	for (size_t i = 0; i < result->n_runs; i++) {
		const struct bench_run *run = &result->runs[i];

		n += run->env == env && run->point == point && run->status != 0 &&
		     rounds_count(&result->rounds, run->round);
	}
	return n;
}

/* How the environment was had: what no figure of it is shown without. */
static const json_t *instance_of(const struct bench_result *result, size_t env)
{
	const json_t *instance;
	size_t k;

	for (size_t i = 0; i < result->n_runs; i++) {
		if (result->runs[i].env != env)
			continue;
		json_array_foreach(result->instances, k, instance)
		{
			if (strcmp(json_string_or(instance, "id", ""), result->runs[i].instance) ==
			    0)
				return instance;
		}
	}
	return NULL;
}

static int put_cell(const struct bench_plan *plan, const struct bench_result *result,
		    const struct paired *paired, size_t cell, json_t *cells, struct tare_err *err)
{
	static const char *const keys[N_METRICS] = {"wall_ns", "user_us", "system_us"};
	size_t points = bench_points(plan), env = cell / points, point = cell % points;
	const json_t *instance = instance_of(result, env);
	const char *boot = json_string_or(json_object_get(instance, "boot"), "kind", NULL);
	const char *program = json_string_value(json_array_get(result->programs, cell));
	json_t *object = json_pack(
		"{s:s, s:o, s:o, s:s*, s:s*, s:s*}", "env", plan->envs->items[env].label,
		"parameters", bench_point_json(plan, point), "failures",
		json_u64(count_failures(result, env, point)), "accel",
		json_string_or(instance, "accel", NULL), "boot", boot, "program_sha256", program);
	int r = object ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t m = 0; m < N_METRICS && r == 0; m++) {
		json_t *figure = NULL;

		r = paired_figure(paired, N_METRICS * cell + m, &figure, err);
		(void)json_put(object, keys[m], figure);
	}
	(void)json_array_append_new(cells, object);
	return r;
}

static int put_ratio(const struct bench_plan *plan, const struct paired *paired, size_t cell,
		     json_t *ratios, struct tare_err *err)
{
	size_t points = bench_points(plan), env = cell / points, point = cell % points;
	json_t *object = NULL;
	int r = paired_ratio(paired, N_METRICS * cell + WALL, N_METRICS * point + WALL,
			     plan->asked.effect, &object, err);

	if (r < 0)
		return r;
	(void)json_put(object, "env", json_string(plan->envs->items[env].label));
	(void)json_put(object, "baseline", json_string(plan->envs->items[0].label));
	(void)json_put(object, "parameters", bench_point_json(plan, point));
	(void)json_put(object, "metric", json_string("wall_ns"));
	return json_array_append_new(ratios, object);
}

static int put_figures(const struct bench_plan *plan, const struct bench_result *result,
		       json_t *document, struct tare_err *err)
{
	size_t points = bench_points(plan);
	json_t *cells = json_array(), *ratios = json_array();
	struct paired paired = {0};
	int r = gather(plan, result, &paired, err);

	for (size_t cell = 0; cell < points * plan->envs->n && r == 0; cell++) {
		r = put_cell(plan, result, &paired, cell, cells, err);
		if (r == 0 && cell >= points)
			r = put_ratio(plan, &paired, cell, ratios, err);
	}
	free(paired.x);
	(void)json_put(document, "cells", cells);
	(void)json_put(document, "ratios", ratios);
	return r;
}

int bench_document(const struct bench_plan *plan, const struct bench_result *result, json_t **ret,
		   struct tare_err *err)
{
	cleanup_json json_t *document =
		json_pack("{s:s, s:s, s:o, s:o, s:s*, s:s*, s:o, s:s, s:o}", "schema",
			  "tare.bench/1", "tare", TARE_VERSION, "machine", fingerprint_read(),
			  "command", words_json(plan->command), "prepare", plan->prepare, "cleanup",
			  plan->cleanup, "parameters", parameters_json(plan), "baseline",
			  plan->envs->items[0].label, "limits", limits_to_json(&plan->limits));
	int r;

	if (!document)
		return err_set(err, ENOMEM, "out of memory");
	rounds_put(document, plan->envs, &plan->asked, &result->rounds);
	(void)json_put(document, "boots", json_string(plan->boot_once ? "bench" : "round"));
	(void)json_put(document, "cpu",
		       result->players_cpu < 0 ? json_null() : json_integer(result->players_cpu));
	(void)json_put(document, "instances", json_incref(result->instances));
	(void)json_put(document, "runs", runs_json(plan, result));
	r = put_figures(plan, result, document, err);
	if (r == 0)
		*ret = json_incref(document);
	return r;
}

const char *bench_other_program(const json_t *document)
{
	const json_t *cells = json_object_get(document, "cells"), *cell, *base;
	size_t i, k;

	json_array_foreach(cells, i, cell)
	{
		const json_t *sha256 = json_object_get(cell, "program_sha256");

		json_array_foreach(cells, k, base)
		{
			const json_t *of_base = json_object_get(base, "program_sha256");

			if (json_equal(json_object_get(base, "env"),
				       json_object_get(document, "baseline")) &&
			    json_equal(json_object_get(base, "parameters"),
				       json_object_get(cell, "parameters")) &&
			    sha256 && of_base && !json_equal(sha256, of_base))
				return json_string_or(cell, "env", "?");
		}
	}
	return NULL;
}
