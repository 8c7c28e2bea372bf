/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "density/density.h"
#include "engine/fingerprint.h"
#include "rounds/paired.h"
#include "stats/quantile.h"

/* Rows of an environment: what a climb comes to, in one number each. */
enum { BOXES, FIRST, LAST, PSS, GROUP, MACHINE, FIT, N_ROWS };
static const char *const row_names[N_ROWS] = {
	"boxes", "first_ns", "last_ns", "pss_bytes", "group_bytes", "machine_bytes", "fit"};

static size_t row_of(size_t env, size_t row)
{
	return env * N_ROWS + row;
}

static double median_of(const struct density_box *boxes, size_t n,
			double (*figure)(const struct density_box *box), double *room)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		double x = figure(&boxes[i]);

		if (isfinite(x))
			room[used++] = x;
	}
	return quantile_median(room, used);
}

static double start_of(const struct density_box *box)
{
	return (double)box->start_ns;
}

static double pss_of(const struct density_box *box)
{
	return box->pss_bytes ? (double)box->pss_bytes : NAN;
}

static double group_of(const struct density_box *box)
{
	return box->group_bytes ? (double)box->group_bytes : NAN;
}

/* The first quarter of the boxes had few beside them, the last had many. */
static void put_starts(struct paired *paired, const struct density_climb *c,
		       const struct density_box *boxes, double *room)
{
	size_t quarter = c->boxes < 4 ? 1 : c->boxes / 4;

	paired_put(paired, row_of(c->env, FIRST), c->round,
		   median_of(boxes, quarter, start_of, room));
	if (c->boxes > 1)
		paired_put(paired, row_of(c->env, LAST), c->round,
			   median_of(boxes + c->boxes - quarter, quarter, start_of, room));
}

/* What the machine has less of with each box: the median fall over half a climb, so that a step
 * which is somebody else's does not count. */
static double fall_of(const struct density_climb *c, const struct density_box *boxes, double *room)
{
	size_t half = (c->boxes + 1) / 2, n = 0;

	for (size_t i = 0; i + half <= c->boxes; i++) {
		uint64_t from = i ? boxes[i - 1].available_bytes : c->available_bytes;

		room[n++] =
			((double)from - (double)boxes[i + half - 1].available_bytes) / (double)half;
	}
	return quantile_median(room, n);
}

/* What the machine has less of with each box, and what they weigh themselves; and how
 * many would be within the share, each of them as heavy as the largest of the three says: others
 * give memory back meanwhile, or take it. */
static void put_weights(struct paired *paired, const struct density_plan *plan,
			const struct density_climb *c, const struct density_box *boxes,
			double *room)
{
	double before = (double)c->available_bytes;
	double each = fall_of(c, boxes, room);
	double pss = median_of(boxes, c->boxes, pss_of, room);
	double group = median_of(boxes, c->boxes, group_of, room);
	double heaviest = fmax(each, fmax(pss, group)); /* fmax passes NaN over */

	paired_put(paired, row_of(c->env, PSS), c->round, pss);
	paired_put(paired, row_of(c->env, GROUP), c->round, group);
	paired_put(paired, row_of(c->env, MACHINE), c->round, each);
	if (heaviest > 0)
		paired_put(paired, row_of(c->env, FIT), c->round,
			   floor(plan->share * before / heaviest));
}

static int gather(const struct density_plan *plan, const struct density_result *result,
		  struct paired *ret, struct tare_err *err)
{
	cleanup_free double *room = calloc(plan->max, sizeof(*room));
	const struct density_box *boxes = result->boxes;
	int r = paired_make(N_ROWS * plan->envs->n, result->rounds.n, ret, err);

	if (r < 0 || !room)
		return r < 0 ? r : err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < result->n_climbs; i++) {
		const struct density_climb *c = &result->climbs[i];

		if (c->boxes > 0 && rounds_count(&result->rounds, c->round)) {
			paired_put(ret, row_of(c->env, BOXES), c->round, (double)c->boxes);
			put_starts(ret, c, boxes, room);
			put_weights(ret, plan, c, boxes, room);
		}
		boxes += c->boxes;
	}
	return 0;
}

static const struct density_climb *climb_of(const struct density_result *result, size_t env)
{
	for (size_t i = 0; i < result->n_climbs; i++)
		if (result->climbs[i].env == env && result->climbs[i].instance)
			return &result->climbs[i];
	return NULL;
}

static json_t *stops_json(const struct density_result *result, size_t env)
{
	json_t *stops = json_object();
	uint64_t n[DENSITY_STOPS] = {0};

	for (size_t i = 0; i < result->n_climbs; i++)
		if (result->climbs[i].env == env &&
		    rounds_count(&result->rounds, result->climbs[i].round))
			n[result->climbs[i].stop]++;
	for (size_t s = 0; s < DENSITY_STOPS; s++)
		if (n[s])
			(void)json_put(stops, density_stop_names[s], json_u64(n[s]));
	return stops;
}

static int put_ratio(const struct density_plan *plan, const struct paired *paired, size_t row,
		     size_t base, const char *key, size_t env, const char *of, json_t *ratios,
		     struct tare_err *err)
{
	json_t *object = NULL;
	int r = paired_ratio(paired, row, base, plan->asked.effect, &object, err);

	if (r < 0)
		return r;
	(void)json_put(object, "env", json_string(plan->envs->items[env].label));
	(void)json_put(object, "metric", json_string(key));
	if (of)
		(void)json_put(object, "baseline", json_string(of));
	return json_array_append_new(ratios, object);
}

static int put_cell(const struct density_plan *plan, const struct density_result *result,
		    const struct paired *paired, size_t env, json_t *cells, struct tare_err *err)
{
	const struct density_climb *climb = climb_of(result, env);
	const json_t *instance = climb ? climb->instance : NULL;
	json_t *object = json_pack("{s:s, s:s*, s:s*, s:o}", "env", plan->envs->items[env].label,
				   "accel", json_string_or(instance, "accel", NULL), "boot",
				   json_string_or(json_object_get(instance, "boot"), "kind", NULL),
				   "stops", stops_json(result, env));
	int r = object ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t row = 0; row < N_ROWS && r == 0; row++) {
		json_t *figure = NULL;

		r = paired_figure(paired, row_of(env, row), &figure, err);
		(void)json_put(object, row_names[row], figure);
	}
	(void)json_array_append_new(cells, object);
	return r;
}

/* Of a start among many to one among few, of each; and to the baseline's, and of the weight. */
static int put_ratios(const struct density_plan *plan, const struct paired *paired, size_t env,
		      json_t *ratios, struct tare_err *err)
{
	static const int rows[] = {FIRST, LAST, PSS};
	const char *base = plan->envs->items[0].label;
	int r = put_ratio(plan, paired, row_of(env, LAST), row_of(env, FIRST), "last_to_first", env,
			  plan->envs->items[env].label, ratios, err);

	for (size_t i = 0; env > 0 && i < sizeof(rows) / sizeof(*rows) && r == 0; i++)
		r = put_ratio(plan, paired, row_of(env, rows[i]), row_of(0, rows[i]),
			      row_names[rows[i]], env, base, ratios, err);
	return r;
}

static int put_figures(const struct density_plan *plan, const struct density_result *result,
		       json_t *document, struct tare_err *err)
{
	json_t *cells = json_array(), *ratios = json_array();
	struct paired paired = {0};
	int r = gather(plan, result, &paired, err);

	for (size_t env = 0; env < plan->envs->n && r == 0; env++) {
		r = put_cell(plan, result, &paired, env, cells, err);
		if (r == 0)
			r = put_ratios(plan, &paired, env, ratios, err);
	}
	free(paired.x);
	(void)json_put(document, "cells", cells);
	(void)json_put(document, "ratios", ratios);
	return r;
}

static json_t *climbs_json(const struct density_plan *plan, const struct density_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_climbs; i++) {
		const struct density_climb *c = &result->climbs[i];

		(void)json_array_append_new(
			list,
			json_pack("{s:o, s:s, s:o, s:o, s:s, s:s*, s:o, s:o, s:o, s:O?}", "round",
				  json_u64(c->round), "env", plan->envs->items[c->env].label,
				  "position", json_u64(c->position), "boxes", json_u64(c->boxes),
				  "stop", density_stop_names[c->stop], "why",
				  *c->why ? c->why : NULL, "available_bytes",
				  json_u64(c->available_bytes), "up_ns", json_u64(c->up_ns),
				  "took_ns", json_u64(c->took_ns), "instance", c->instance));
	}
	return list;
}

static json_t *boxes_json(const struct density_plan *plan, const struct density_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->n_boxes; i++) {
		const struct density_box *b = &result->boxes[i];
		const struct density_climb *c = &result->climbs[b->climb];
		json_t *row = json_pack("{s:o, s:s, s:o, s:o, s:o}", "round", json_u64(c->round),
					"env", plan->envs->items[c->env].label, "n", json_u64(b->n),
					"start_ns", json_u64(b->start_ns), "available_bytes",
					json_u64(b->available_bytes));

		if (b->up)
			(void)json_put(row, "up", json_u64(b->up));
		if (b->pss_bytes)
			(void)json_put(row, "pss_bytes", json_u64(b->pss_bytes));
		if (b->group_bytes)
			(void)json_put(row, "group_bytes", json_u64(b->group_bytes));
		(void)json_array_append_new(list, row);
	}
	return list;
}

int density_document(const struct density_plan *plan, const struct density_result *result,
		     json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *document =
		json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "schema", DENSITY_SCHEMA, "tare",
			  TARE_VERSION, "machine", fingerprint_read(), "baseline",
			  plan->envs->items[0].label, "max", json_u64(plan->max), "share_pct",
			  json_number(100 * plan->share), "climb_ns", json_u64(plan->climb_ns));
	int r;

	if (!document)
		return err_set(err, ENOMEM, "out of memory");
	rounds_put(document, plan->envs, &plan->asked, &result->rounds);
	(void)json_put(document, "climbs", climbs_json(plan, result));
	(void)json_put(document, "boxes", boxes_json(plan, result));
	r = put_figures(plan, result, document, err);
	if (r == 0)
		*ret = json_incref(document);
	return r;
}
