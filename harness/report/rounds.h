/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds: what a cell gives, one number a round: the sample that statistics are made of. Only
 * trials that count give one, unless it says otherwise. */

#include <stdlib.h>

#include "report/run.h"
#include "stats/levels.h"

struct tare_err;

/* A number for each round, as levels_of() takes it. Rounds that shared a guest have the same
 * instance; what is made anew for every round, as containers and processes are, makes each round
 * an instance. */
struct sample {
	double *x;
	uint64_t *instance;
	size_t n;
};

/* Room for all trials of the cell. -ENOMEM. */
int sample_make(const struct run_cell *cell, struct sample *ret, struct tare_err *err);

static inline void cleanup_samplep(struct sample *sample)
{
	free(sample->x);
	free(sample->instance);
}
#define cleanup_sample __attribute__((cleanup(cleanup_samplep)))

/* Each fills a sample that has room for the cell. Log of the median time of an operation, in ns. */
void rounds_time(const struct run *run, const struct run_cell *cell, struct sample *sample);
/* Log of the quantile p of the round's latencies, in ns. */
void rounds_latency(const struct run *run, const struct run_cell *cell, double p,
		    struct sample *sample);
/* A figure of the load's own, as it is. */
void rounds_figure(const struct run *run, const struct run_cell *cell, const char *name,
		   struct sample *sample);
/* The figures of the load, by name; NULL: it has none. */
json_t *rounds_figures(const struct run *run, const struct run_cell *cell);

/* Log ratio to another cell of the run: of the time of an operation, paired by passes, or of the
 * quantile of latencies where it is above 0. pairs (room for as many): how many passes; unpaired:
 * rounds in which both ran, but never in the same pass; both may be NULL. */
void rounds_ratio(const struct run *run, const struct run_cell *cell, const struct run_cell *base,
		  double quantile, struct sample *sample, double *pairs, size_t *unpaired);
/* The same of the time of an operation, for a cell of the run's self-test against one of the run.
 */
void rounds_twin_ratio(const struct run *run, const struct run_cell *twin,
		       const struct run_cell *base, struct sample *sample);

/* What rounds and instances of this run took, all its loads together, by the host's clock. */
void rounds_cost(const struct run *run, struct levels_cost *ret);

/* What the kernel saw of limits at work. */
struct rounds_limit {
	const char *key;
	/* NaN: not seen. record: what run_record() gives for it. */
	double (*of)(const struct run_trial *trial, const json_t *record);
};
#define ROUNDS_N_LIMITS 5
extern const struct rounds_limit rounds_limits[ROUNDS_N_LIMITS];
/* As it is, NaN being none; of failed trials too: to be killed is what a limit may do. */
void rounds_seen(const struct run *run, const struct run_cell *cell,
		 const struct rounds_limit *limit, struct sample *sample);
