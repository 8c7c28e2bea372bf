/* SPDX-License-Identifier: MIT */
#pragma once
/* location: where the rounds lie, with a 95 % interval that holds at small n.
 *
 * The estimate is Hodges and Lehmann's: the median of all Walsh averages (x_i + x_j) / 2, i <=
 * j. A noisy round does not move it (it stands 29 % of them), and it wastes little when none is
 * noisy. The interval from 6 rounds on inverts Wilcoxon's signed-rank test: exact for any
 * symmetric distribution, and the log ratio of two players who swap roles by chance is one.
 * With 5 rounds that test reaches 93.75 % at most: there the interval is Student's, which in
 * tests/unit/test_coverage.c holds 95 % for normal, heavy-tailed and contaminated rounds
 * alike. Below 5 rounds there is none. */

#include <stddef.h>

struct tare_err;

#define LOCATION_LEVEL      0.95
#define LOCATION_ROUNDS_MIN 5 /* fewer have no interval */

enum location_method { LOCATION_NONE, LOCATION_STUDENT, LOCATION_SIGNED_RANK, LOCATION_TWO_RUNS };

struct location {
	size_t n;
	double estimate;  /* NaN when n is 0 */
	double low, high; /* NaN when method is LOCATION_NONE */
	double level;     /* achieved, >= LOCATION_LEVEL; 0 when there is no interval */
	double p;         /* two-sided, of the location being 0; 1 when there is no interval */
	enum location_method method;
};

/* x is not changed and holds no NaN. -ENOMEM. */
int location_of(const double *x, size_t n, struct location *ret, struct tare_err *err);
const char *location_method_name(enum location_method method);

/* About how many rounds would make the interval at most 2 * half wide; 0: not known. */
size_t location_rounds_for(const struct location *location, double half);
