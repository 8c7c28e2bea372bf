/* SPDX-License-Identifier: MIT */
#pragma once
/* paired: figures of whole runs that took turns round by round, as ratios: one log ratio a round,
 * by the statistics and with the verdicts of `tare run`. */

#include <jansson.h>
#include <stddef.h>

#include "stats/location.h"
#include "stats/verdict.h"

struct tare_err;

/* A row is what was measured, a column a round; NaN: that round has no such figure. */
struct paired {
	size_t n_rows, n_rounds;
	double *x;
};

/* All NaN. x is freed by the caller. */
int paired_make(size_t n_rows, size_t n_rounds, struct paired *ret, struct tare_err *err);
void paired_put(struct paired *paired, size_t row, size_t round, double value);

/* {"rounds", "location", "ci", "level", "method", "median", "mean", "stddev", "min", "max"} of a
 * row: location and its interval are as of `tare run`, on the log scale; where there are zeros it
 * is the median, without one. {"rounds": 0}: it is empty. */
int paired_figure(const struct paired *paired, size_t row, json_t **ret, struct tare_err *err);

/* {"ratio", "rounds", "ci", "level", "method", "p", "verdict", "why"} of two rows. */
int paired_ratio(const struct paired *paired, size_t row, size_t base, double effect, json_t **ret,
		 struct tare_err *err);
/* Of a document's "ratios" that of a cell's environment and a metric; NULL: there is none. */
const json_t *paired_find_ratio(const json_t *document, const json_t *cell, const char *metric);
