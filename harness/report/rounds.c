/* SPDX-License-Identifier: MIT */
#include "report/rounds.h"

#include <math.h>

#include "base/json.h"
#include "stats/pair.h"

size_t rounds_time(const struct run *run, const struct run_cell *cell, double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && !isnan(trial->median_ns))
			x[n++] = log(trial->median_ns);
	}
	return n;
}

/* 0.5 ns: the middle of the first bucket, so that no logarithm is of 0. */
static double log_quantile(const struct histogram *latency, double p)
{
	return log(fmax(histogram_quantile_between(latency, p), 0.5));
}

size_t rounds_latency(const struct run *run, const struct run_cell *cell, double p, double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && trial->latency && trial->latency->count)
			x[n++] = log_quantile(trial->latency, p);
	}
	return n;
}

static json_t *figures_of(const struct run_trial *trial)
{
	return json_object_get(json_object_get(trial->record, "load"), "figures");
}

json_t *rounds_figures(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		json_t *figures = figures_of(&run->trials[cell->trials[i]]);

		if (json_object_size(figures))
			return figures;
	}
	return NULL;
}

size_t rounds_figure(const struct run *run, const struct run_cell *cell, const char *name,
		     double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		double value =
			json_double_or(json_object_get(figures_of(trial), name), "value", NAN);

		if (run_trial_counts(trial) && isfinite(value))
			x[n++] = value;
	}
	return n;
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

size_t rounds_ratio(const struct run *run, const struct run_cell *cell, const struct run_cell *base,
		    double quantile, double *x, double *pairs, size_t *unpaired)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *a = &run->trials[cell->trials[i]];
		const struct run_trial *b = run_trial_of_round(run, base, a->round);
		size_t paired = 0;

		if (!run_trial_counts(a) || !b)
			continue;
		x[n] = quantile > 0 ? log_ratio_latency(a, b, quantile)
				    : log_ratio_time(a, b, &paired);
		if (pairs)
			pairs[n] = (double)paired;
		if (isfinite(x[n]))
			n++;
		else if (unpaired)
			++*unpaired;
	}
	return n;
}

size_t rounds_twin_ratio(const struct run *run, const struct run_cell *twin,
			 const struct run_cell *base, double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < twin->n_trials; i++) {
		const struct run_trial *a = &run->twins->trials[twin->trials[i]];
		const struct run_trial *b = run_trial_of_round(run, base, a->round);

		if (!run_trial_counts(a) || !b)
			continue;
		x[n] = log_ratio_time(a, b, NULL);
		n += isfinite(x[n]);
	}
	return n;
}

static const json_t *seen_by(const struct run_trial *trial, const char *collector)
{
	return json_object_get(json_object_get(trial->record, "collectors"), collector);
}

static double cores_used(const struct run_trial *t)
{
	const json_t *cpu = seen_by(t, "cpu");
	double wall = json_double_or(cpu, "wall_ns", 0);

	return wall > 0 ? json_double_or(cpu, "usage_us", NAN) * 1000 / wall : NAN;
}

static double throttled_share(const struct run_trial *t)
{
	const json_t *cpu = seen_by(t, "cpu");
	double periods = json_double_or(cpu, "nr_periods", 0);

	return periods > 0 ? json_double_or(cpu, "nr_throttled", NAN) / periods : NAN;
}

static double throttled_s(const struct run_trial *t)
{
	return json_double_or(seen_by(t, "cpu"), "throttled_us", NAN) / 1e6;
}

static double memory_peak(const struct run_trial *t)
{
	return json_double_or(seen_by(t, "memory"), "peak", NAN);
}

static double oom_kills(const struct run_trial *t)
{
	const json_t *exit = json_object_get(json_object_get(t->record, "load"), "exit");
	double said =
		json_double_or(json_object_get(seen_by(t, "memory"), "events"), "oom_kill", 0);

	return said > 0 ? said : json_bool_or(exit, "oom", false);
}

const struct rounds_limit rounds_limits[ROUNDS_N_LIMITS] = {
	{"cpu_cores", cores_used},    {"throttled_share", throttled_share},
	{"throttled_s", throttled_s}, {"memory_peak", memory_peak},
	{"oom_kills", oom_kills},
};

size_t rounds_seen(const struct run *run, const struct run_cell *cell,
		   double (*of)(const struct run_trial *trial), double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		double value = trial->superseded ? NAN : of(trial);

		if (!isnan(value))
			x[n++] = value;
	}
	return n;
}
