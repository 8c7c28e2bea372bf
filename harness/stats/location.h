/* SPDX-License-Identifier: MIT */
#pragma once
/* location: where the rounds lie, with a 95 % interval that holds at small n.
 *
 * The estimate is Hodges and Lehmann's: the median of all Walsh averages (x_i + x_j) / 2, i <=
 * j. A noisy round does not move it (it stands 29 % of them), and it wastes little when none is
 * noisy. The interval from 6 rounds on inverts Wilcoxon's signed-rank test: exact for any
 * symmetric distribution, and the log ratio of two players who swap roles by chance is one.
 * With 5 rounds that test reaches 93.75 % at most, by an interval from the smallest to the largest:
 * there either end goes on by 0.3 of the gap between the two rounds next to it. It cannot cover
 * less than 93.75 % of any symmetric distribution, and covers 95.0 to 96.7 % in `scripts/bench
 * coverage` and tests/unit/test_coverage.c, whether rounds are normal or a tenth of them is noisy.
 * (Student's interval covers up to 98.2 % there: one noisy round makes it as wide as that round.)
 * Below 5 rounds there is none. */

#include <stddef.h>

struct tare_err;

#define LOCATION_LEVEL      0.95
#define LOCATION_ROUNDS_MIN 5 /* fewer have no interval */

enum location_method { LOCATION_NONE, LOCATION_FIVE, LOCATION_SIGNED_RANK, LOCATION_TWO_RUNS };

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
/* The estimate alone; NaN when n is 0. */
int location_estimate(const double *x, size_t n, double *ret, struct tare_err *err);
const char *location_method_name(enum location_method method);

/* p of the location lying outside +-bound: two one-sided tests (Schuirmann 1987), of which the
 * weaker counts. It has the tails of Student's t, and is 2.5 % where the interval ends at the
 * bound, so that an interval within the bound and this p never disagree. 1: no interval. */
double location_p_outside(const struct location *location, double bound);
/* p to correct over many; what is corrected must not come out below p itself. Ranks of n rounds
 * have no p below 2^(1-n), however far away 0 is: there, and only there, the tails of Student's t
 * go on. */
double location_p_for_many(const struct location *location);

/* About how many rounds would make the interval at most 2 * half wide; 0: not known. */
size_t location_rounds_for(const struct location *location, double half);
