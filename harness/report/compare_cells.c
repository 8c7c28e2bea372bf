/* SPDX-License-Identifier: MIT */
/* The cells that both runs have, and what they gave in each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "report/compare_internal.h"
#include "report/rounds.h"
#include "stats/change.h"

#define FIGURES_MAX   8 /* of a load */
#define ROWS_PER_CELL (2 + 2 + FIGURES_MAX + ROUNDS_N_LIMITS)

struct measure {
	enum compare_kind kind;
	const char *metric, *unit;
	enum compare_worse worse;
	double quantile;                 /* of latencies; 0: the time of an operation */
	const struct rounds_limit *seen; /* NULL: a figure of the load's own */
	bool of_limit;
};

static bool same_cell(const struct compare *c, const struct run_cell *a, const struct run_cell *b)
{
	return strcmp(c->run[0]->envs[a->env].label, c->run[1]->envs[b->env].label) == 0 &&
	       strcmp(a->load, b->load) == 0 && strcmp(a->params, b->params) == 0 &&
	       strcmp(a->mode, b->mode) == 0 && strcmp(a->collectors, b->collectors) == 0 &&
	       run_same_limits(run_limits(c->run[0], a), run_limits(c->run[1], b));
}

/* Groups may have been renamed; where there are several, that of the same name. */
static const struct run_cell *find_other(const struct compare *c, int has,
					 const struct run_cell *cell)
{
	const struct run *other = c->run[!has];
	const struct run_cell *found = NULL;

	for (size_t i = 0; i < other->n_cells; i++) {
		const struct run_cell *one = &other->cells[other->order[i]];

		if (!same_cell(c, has ? one : cell, has ? cell : one))
			continue;
		if (strcmp(one->group, cell->group) == 0)
			return one;
		if (!found)
			found = one;
	}
	return found;
}

static const struct run_cell *baseline_of(const struct compare *c, int of,
					  const struct run_cell *cell)
{
	const struct run *run = c->run[of];

	for (size_t env = 0; env < run->n_envs; env++) {
		if (strcmp(run->envs[env].label, c->baseline) == 0)
			return env == cell->env ? NULL : run_find_cell(run, cell, env);
	}
	return NULL;
}

static void take(const struct compare *c, int of, const struct run_cell *cell,
		 const struct measure *m, struct sample *x)
{
	const struct run *run = c->run[of];
	const struct run_cell *base;

	switch (m->kind) {
	case COMPARE_RATIOS:
		base = baseline_of(c, of, cell);
		if (base)
			rounds_ratio(run, cell, base, m->quantile, x, NULL, NULL);
		return;
	case COMPARE_TIMES:
		if (m->quantile > 0)
			rounds_latency(run, cell, m->quantile, x);
		else
			rounds_time(run, cell, x);
		return;
	case COMPARE_FIGURES:
	case COMPARE_N_KINDS:
		break;
	}
	if (m->seen)
		rounds_seen(run, cell, m->seen, x);
	else
		rounds_figure(run, cell, m->metric, x);
}

/* Of what is no logarithm yet: that all have one. */
static bool all_within(const struct sample *s, double above)
{
	for (size_t i = 0; i < s->n; i++)
		if (!(s->x[i] > above) || !isfinite(s->x[i]))
			return false;
	return true;
}

static bool all_zero(const struct sample *s)
{
	size_t n = s->n;

	while (n > 0 && s->x[n - 1] == 0)
		n--;
	return n == 0;
}

static int fill_row(struct compare_row *row, const struct sample samples[2], struct tare_err *err)
{
	bool figure = row->kind == COMPARE_FIGURES;
	double above = figure ? 0 : -INFINITY;

	row->no_log = !all_within(&samples[0], above) || !all_within(&samples[1], above);
	for (int of = 0; of < 2; of++) {
		const struct sample *s = &samples[of];
		struct levels levels;
		int r;

		for (size_t i = 0; figure && !row->no_log && i < s->n; i++)
			s->x[i] = log(s->x[i]);
		r = levels_of(s->x, s->instance, s->n, &levels, err);
		if (r < 0)
			return r;
		row->of[of] = levels.location;
	}
	change_of(&row->of[0], &row->of[1], &row->change);
	if (row->no_log) {
		row->change.method = LOCATION_NONE;
		row->change.level = 0;
		row->change.estimate = NAN;
		row->change.p = 1;
	}
	return 0;
}

static int add_row(struct compare *c, const struct run_cell *a, const struct run_cell *b,
		   const struct measure *m, struct tare_err *err)
{
	cleanup_sample struct sample x = {0};
	cleanup_sample struct sample y = {0};
	struct compare_row *row = &c->rows[c->n_rows];
	int r = sample_make(a, &x, err);

	if (r < 0 || (r = sample_make(b, &y, err)) < 0)
		return r;
	take(c, 0, a, m, &x);
	take(c, 1, b, m, &y);
	if (x.n == 0 || y.n == 0 || (m->kind == COMPARE_FIGURES && all_zero(&x) && all_zero(&y)))
		return 0;
	*row = (struct compare_row){.kind = m->kind,
				    .worse = m->worse,
				    .of_limit = m->of_limit,
				    .cell = {a, b},
				    .resolution =
					    m->quantile > 0 ? log1p(HISTOGRAM_RESOLUTION) : 0};
	(void)snprintf(row->metric, sizeof(row->metric), "%.63s", m->metric);
	(void)snprintf(row->unit, sizeof(row->unit), "%.15s", m->unit);
	r = fill_row(row, (const struct sample[]){x, y}, err);
	if (r == 0)
		c->n_rows++;
	return r;
}

static int add_timed(struct compare *c, enum compare_kind kind, const struct run_cell *a,
		     const struct run_cell *b, struct tare_err *err)
{
	struct measure m = {.kind = kind,
			    .metric = "ns_per_op",
			    .unit = kind == COMPARE_TIMES ? "ns" : "",
			    .worse = COMPARE_HIGHER};
	int r;

	if (strcmp(a->mode, "latency") != 0)
		return add_row(c, a, b, &m, err);
	m.metric = "latency_p50";
	m.quantile = 0.5;
	r = add_row(c, a, b, &m, err);
	if (r < 0)
		return r;
	m.metric = "latency_p99";
	m.quantile = 0.99;
	return add_row(c, a, b, &m, err);
}

/* A rate that falls, or a time that grows, is worse; of other figures nobody knows. */
static enum compare_worse worse_by_unit(const char *unit)
{
	size_t n = strlen(unit);

	if (n > 2 && strcmp(unit + n - 2, "/s") == 0)
		return COMPARE_LOWER;
	return strcmp(unit, "ns") == 0 || strcmp(unit, "s") == 0 ? COMPARE_HIGHER : COMPARE_NEITHER;
}

static int add_figures(struct compare *c, const struct run_cell *a, const struct run_cell *b,
		       struct tare_err *err)
{
	cleanup_json json_t *figures = rounds_figures(c->run[0], a);
	json_t *figure;
	size_t n = 0;
	const char *name;

	json_object_foreach(figures, name, figure)
	{
		const char *unit = json_string_or(figure, "unit", "");
		const struct measure m = {
			COMPARE_FIGURES, name, unit, worse_by_unit(unit), 0, NULL, false};
		int r;

		if (n++ == FIGURES_MAX)
			break;
		r = add_row(c, a, b, &m, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of a CPU quota, more is a leak and less is a loss. */
static int add_limits(struct compare *c, const struct run_cell *a, const struct run_cell *b,
		      struct tare_err *err)
{
	static const struct {
		const char *key, *limit, *unit;
		enum compare_worse worse;
	} seen[] = {{"cpu_cores", "cpus", "CPUs", COMPARE_EITHER},
		    {"throttled_share", "cpus", "", COMPARE_NEITHER},
		    {"memory_peak", "memory", "B", COMPARE_HIGHER},
		    {"oom_kills", "memory", "", COMPARE_NEITHER}};
	const json_t *limits = run_limits(c->run[0], a);

	for (size_t s = 0; s < sizeof(seen) / sizeof(*seen); s++) {
		for (size_t i = 0; i < ROUNDS_N_LIMITS; i++) {
			const struct measure m = {
				COMPARE_FIGURES,   seen[s].key, seen[s].unit, seen[s].worse, 0,
				&rounds_limits[i], true};
			int r;

			if (!json_object_get(limits, seen[s].limit) ||
			    strcmp(rounds_limits[i].key, seen[s].key) != 0)
				continue;
			r = add_row(c, a, b, &m, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static bool asked(const struct compare *c, enum compare_kind kind)
{
	bool any = false;

	for (int k = 0; k < COMPARE_N_KINDS; k++)
		any |= c->options->only[k];
	return !any || c->options->only[kind];
}

static int add_cell(struct compare *c, const struct run_cell *a, const struct run_cell *b,
		    struct tare_err *err)
{
	int r = 0;

	/* The central figure never comes from an observed round. */
	if (a->observed || b->observed)
		return 0;
	if (asked(c, COMPARE_RATIOS))
		r = add_timed(c, COMPARE_RATIOS, a, b, err);
	if (r == 0 && asked(c, COMPARE_TIMES))
		r = add_timed(c, COMPARE_TIMES, a, b, err);
	if (r == 0 && asked(c, COMPARE_FIGURES))
		r = add_figures(c, a, b, err);
	if (r == 0 && asked(c, COMPARE_FIGURES))
		r = add_limits(c, a, b, err);
	return r;
}

/* Of the trials that were not taken back, the first that gave nothing. NULL: there is none. */
static const struct run_trial *first_failed(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (trial->status != RUN_OK && !trial->superseded)
			return trial;
	}
	return NULL;
}

static void add_lost(struct compare *c, int has, const struct run_cell *cell,
		     const struct run_cell *other)
{
	struct compare_lost *lost = &c->lost[c->n_lost++];
	bool counts = other && run_cell_counts(c->run[!has], other);
	const struct run_trial *failed =
		other && !counts ? first_failed(c->run[!has], other) : NULL;
	cleanup_json json_t *record = failed ? run_record(failed) : NULL;
	const char *why = "";

	if (counts)
		why = "its guests ran by another accelerator";
	else if (failed)
		why = json_string_or(record, "why", "no reason is told");
	else if (other)
		why = "none of its rounds was finished";
	*lost = (struct compare_lost){.cell = cell, .has = has, .failed = failed};
	(void)snprintf(lost->why, sizeof(lost->why), "%.159s", why);
	(void)text_make_printable(lost->why);
}

/* Another accelerator is another environment: emulation is never compared with what it is not. */
static bool same_accel(const struct compare *c, const struct run_cell *a, const struct run_cell *b)
{
	return strcmp(c->run[0]->envs[a->env].accel, c->run[1]->envs[b->env].accel) == 0;
}

int compare_collect(struct compare *c, struct tare_err *err)
{
	c->rows = calloc(c->run[0]->n_cells * ROWS_PER_CELL + 1, sizeof(*c->rows));
	c->lost = calloc(c->run[0]->n_cells + c->run[1]->n_cells + 1, sizeof(*c->lost));
	if (!c->rows || !c->lost)
		return err_set(err, ENOMEM, "out of memory");
	for (int has = 0; has < 2; has++) {
		const struct run *run = c->run[has];

		for (size_t i = 0; i < run->n_cells; i++) {
			const struct run_cell *cell = &run->cells[run->order[i]];
			const struct run_cell *other = find_other(c, has, cell);
			int r = 0;

			if (!run_cell_counts(run, cell))
				continue;
			if (!other || !run_cell_counts(c->run[!has], other) ||
			    !same_accel(c, has ? other : cell, has ? cell : other))
				add_lost(c, has, cell, other);
			else if (has == 0)
				r = add_cell(c, cell, other, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
