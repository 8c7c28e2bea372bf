/* SPDX-License-Identifier: MIT */
/* The absolute figures of each cell, with the wide intervals that they have. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/rounds.h"
#include "report/summary.h"

static int add_cell(const struct run *run, const struct run_cell *cell, const char *metric,
		    const char *unit, const struct sample *sample, bool logs, json_t *cells,
		    json_t **ret, struct tare_err *err)
{
	struct levels levels;
	const struct location *location = &levels.location;
	json_t *object;
	int r = levels_of(sample->x, sample->instance, sample->n, &levels, err);

	if (r < 0)
		return r;
	object = summary_cell_json(run, cell);
	(void)json_put(object, "metric", json_string(metric));
	(void)json_put(object, "unit", json_string(unit));
	(void)json_put(object, "median",
		       json_number(logs ? exp(location->estimate) : location->estimate));
	summary_put_levels(object, &levels, logs);
	if (ret)
		*ret = object;
	return json_array_append_new(cells, object) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ns per operation: rounds on the log scale, as they are skewed. */
static int add_time(const struct run *run, const struct run_cell *cell, json_t *cells,
		    struct tare_err *err)
{
	cleanup_sample struct sample sample = {0};
	int r = sample_make(cell, &sample, err);

	if (r < 0)
		return r;
	rounds_time(run, cell, &sample);
	return sample.n ? add_cell(run, cell, "ns_per_op", "ns", &sample, true, cells, NULL, err)
			: 0;
}

/* The distribution is that of all rounds together; the median's interval is over rounds. */
static int add_latency(const struct run *run, const struct run_cell *cell, json_t *cells,
		       struct tare_err *err)
{
	static const struct {
		const char *key;
		double p;
	} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	cleanup_sample struct sample sample = {0};
	cleanup_free struct histogram *all = calloc(1, sizeof(*all));
	json_t *object;
	int r = all ? sample_make(cell, &sample, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	rounds_latency(run, cell, 0.5, &sample);
	if (sample.n == 0)
		return 0;
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && trial->latency)
			histogram_merge(all, trial->latency);
	}
	r = add_cell(run, cell, "latency", "ns", &sample, true, cells, &object, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		(void)json_put(object, quantiles[i].key,
			       json_number(histogram_quantile_upper(all, quantiles[i].p)));
	(void)json_put(object, "max", json_u64(all->max));
	(void)json_put(object, "count", json_u64(all->count));
	return 0;
}

static int add_figure(const struct run *run, const struct run_cell *cell, const char *name,
		      const char *unit, json_t *cells, struct tare_err *err)
{
	cleanup_sample struct sample sample = {0};
	int r = sample_make(cell, &sample, err);

	if (r < 0)
		return r;
	rounds_figure(run, cell, name, &sample);
	return sample.n ? add_cell(run, cell, name, unit, &sample, false, cells, NULL, err) : 0;
}

/* The names are those of the first trial that has figures. */
static int add_figures(const struct run *run, const struct run_cell *cell, json_t *cells,
		       struct tare_err *err)
{
	cleanup_json json_t *figures = rounds_figures(run, cell);
	json_t *figure;
	const char *name;

	json_object_foreach(figures, name, figure)
	{
		int r = add_figure(run, cell, name, json_string_or(figure, "unit", ""), cells, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int summary_add_cells(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *cells = json_array();

	(void)json_put(summary, "cells", cells);
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];
		/* The clock pair of each operation is in the slices of latency mode: no figure. */
		bool latency = cell->mode[0] == 'l';
		int r = latency ? add_latency(run, cell, cells, err)
				: add_time(run, cell, cells, err);

		if (r < 0 || (r = add_figures(run, cell, cells, err)) < 0)
			return r;
	}
	return 0;
}
