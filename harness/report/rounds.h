/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds: what a cell gives, one number a round: the sample that statistics are made of.
 *
 * x has room for cell->n_trials; each gives back how many it filled. Only trials that count give
 * one, unless it says otherwise. */

#include "report/run.h"

/* Log of the median time of an operation, in ns. */
size_t rounds_time(const struct run *run, const struct run_cell *cell, double *x);
/* Log of the quantile p of the round's latencies, in ns. */
size_t rounds_latency(const struct run *run, const struct run_cell *cell, double p, double *x);
/* A figure of the load's own, as it is. */
size_t rounds_figure(const struct run *run, const struct run_cell *cell, const char *name,
		     double *x);
/* The figures of the load, by name; NULL: it has none. */
json_t *rounds_figures(const struct run *run, const struct run_cell *cell);

/* Log ratio to another cell of the run: of the time of an operation, paired by passes, or of the
 * quantile of latencies where it is above 0. pairs (room for as many): how many passes; unpaired:
 * rounds in which both ran, but never in the same pass; both may be NULL. */
size_t rounds_ratio(const struct run *run, const struct run_cell *cell, const struct run_cell *base,
		    double quantile, double *x, double *pairs, size_t *unpaired);
/* The same of the time of an operation, for a cell of the run's self-test against one of the run.
 */
size_t rounds_twin_ratio(const struct run *run, const struct run_cell *twin,
			 const struct run_cell *base, double *x);

/* What the kernel saw of limits at work. */
struct rounds_limit {
	const char *key;
	double (*of)(const struct run_trial *trial); /* NaN: not seen */
};
#define ROUNDS_N_LIMITS 5
extern const struct rounds_limit rounds_limits[ROUNDS_N_LIMITS];
/* As it is, NaN being none; of failed trials too: to be killed is what a limit may do. */
size_t rounds_seen(const struct run *run, const struct run_cell *cell,
		   double (*of)(const struct run_trial *trial), double *x);
