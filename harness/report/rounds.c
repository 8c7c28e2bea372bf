/* SPDX-License-Identifier: MIT */
#include "report/rounds.h"

#include <math.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/chain.h"
#include "stats/pair.h"

int sample_make(const struct run_cell *cell, struct sample *ret, struct tare_err *err)
{
	*ret = (struct sample){.x = calloc(cell->n_trials + 1, sizeof(*ret->x)),
			       .instance = calloc(cell->n_trials + 1, sizeof(*ret->instance))};
	return ret->x && ret->instance ? 0 : err_set(err, ENOMEM, "out of memory");
}

struct filling {
	struct sample *to;
	struct chain chain;
};

static struct filling begin(struct sample *to)
{
	to->n = 0;
	return (struct filling){.to = to};
}

static void add(struct filling *f, double x, const struct run_trial *a, const struct run_trial *b)
{
	f->to->x[f->to->n] = x;
	f->to->instance[f->to->n++] = chain_next(&f->chain, a->instance, b ? b->instance : NULL);
}

void rounds_time(const struct run *run, const struct run_cell *cell, struct sample *sample)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && !isnan(trial->median_ns))
			add(&f, log(trial->median_ns), trial, NULL);
	}
}

/* 0.5 ns: the middle of the first bucket, so that no logarithm is of 0. */
static double log_quantile(const struct histogram *latency, double p)
{
	return log(fmax(histogram_quantile_between(latency, p), 0.5));
}

void rounds_latency(const struct run *run, const struct run_cell *cell, double p,
		    struct sample *sample)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && trial->latency && trial->latency->count)
			add(&f, log_quantile(trial->latency, p), trial, NULL);
	}
}

/* New reference; NULL: it has none. */
static json_t *figures_of(const struct run_trial *trial)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_FIGURES ? run_record(trial) : NULL;

	return json_incref(json_object_get(json_object_get(record, "load"), "figures"));
}

json_t *rounds_figures(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		json_t *figures = figures_of(&run->trials[cell->trials[i]]);

		if (figures)
			return figures;
	}
	return NULL;
}

void rounds_figure(const struct run *run, const struct run_cell *cell, const char *name,
		   struct sample *sample)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *figures = run_trial_counts(trial) ? figures_of(trial) : NULL;
		double value = json_double_or(json_object_get(figures, name), "value", NAN);

		if (isfinite(value))
			add(&f, value, trial, NULL);
	}
}

/* NaN: the round has none. */
static double log_ratio_time(const struct run_trial *a, const struct run_trial *b, size_t *pairs)
{
	const struct pair_slices x = {a->pass, a->ns_per_op, a->n_slices};
	const struct pair_slices y = {b->pass, b->ns_per_op, b->n_slices};
	double ratio;

	return pair_log_ratio(&x, &y, &ratio, pairs, NULL) < 0 ? NAN : ratio;
}

static double log_ratio_latency(const struct run_trial *a, const struct run_trial *b, double p)
{
	if (!a->latency || !b->latency)
		return NAN;
	return log_quantile(a->latency, p) - log_quantile(b->latency, p);
}

void rounds_ratio(const struct run *run, const struct run_cell *cell, const struct run_cell *base,
		  double quantile, struct sample *sample, double *pairs, size_t *unpaired)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *a = &run->trials[cell->trials[i]];
		const struct run_trial *b = run_trial_of_round(run, base, a->round);
		size_t paired = 0;
		double x;

		if (!run_trial_counts(a) || !b)
			continue;
		x = quantile > 0 ? log_ratio_latency(a, b, quantile)
				 : log_ratio_time(a, b, &paired);
		if (pairs)
			pairs[sample->n] = (double)paired;
		if (isfinite(x))
			add(&f, x, a, b);
		else if (unpaired)
			++*unpaired;
	}
}

void rounds_twin_ratio(const struct run *run, const struct run_cell *twin,
		       const struct run_cell *base, struct sample *sample)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < twin->n_trials; i++) {
		const struct run_trial *a = &run->twins->trials[twin->trials[i]];
		const struct run_trial *b = run_trial_of_round(run, base, a->round);
		double x;

		if (!run_trial_counts(a) || !b)
			continue;
		x = log_ratio_time(a, b, NULL);
		if (isfinite(x))
			add(&f, x, a, b);
	}
}

static const json_t *seen_by(const json_t *record, const char *collector)
{
	return json_object_get(json_object_get(record, "collectors"), collector);
}

static double cores_used(const struct run_trial *t, const json_t *record)
{
	const json_t *cpu = seen_by(record, "cpu");
	double wall = json_double_or(cpu, "wall_ns", 0);

	(void)t;
	return wall > 0 ? json_double_or(cpu, "usage_us", NAN) * 1000 / wall : NAN;
}

static double throttled_share(const struct run_trial *t, const json_t *record)
{
	const json_t *cpu = seen_by(record, "cpu");
	double periods = json_double_or(cpu, "nr_periods", 0);

	(void)t;
	return periods > 0 ? json_double_or(cpu, "nr_throttled", NAN) / periods : NAN;
}

static double throttled_s(const struct run_trial *t, const json_t *record)
{
	(void)t;
	return json_double_or(seen_by(record, "cpu"), "throttled_us", NAN) / 1e6;
}

static double memory_peak(const struct run_trial *t, const json_t *record)
{
	(void)t;
	return json_double_or(seen_by(record, "memory"), "peak", NAN);
}

static double oom_kills(const struct run_trial *t, const json_t *record)
{
	const json_t *exit = json_object_get(json_object_get(record, "load"), "exit");
	const json_t *events = json_object_get(seen_by(record, "memory"), "events");
	double said = json_double_or(events, "oom_kill", 0);

	(void)t;
	return said > 0 ? said : json_bool_or(exit, "oom", false);
}

const struct rounds_limit rounds_limits[ROUNDS_N_LIMITS] = {
	{"cpu_cores", cores_used},    {"throttled_share", throttled_share},
	{"throttled_s", throttled_s}, {"memory_peak", memory_peak},
	{"oom_kills", oom_kills},
};

void rounds_seen(const struct run *run, const struct run_cell *cell,
		 const struct rounds_limit *limit, struct sample *sample)
{
	struct filling f = begin(sample);

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *record = trial->superseded ? NULL : run_record(trial);
		double value = record ? limit->of(trial, record) : NAN;

		if (!isnan(value))
			add(&f, value, trial, NULL);
	}
}
