/* SPDX-License-Identifier: MIT */
#pragma once
/* ladder: what each of several steps adds, and whether the steps add up to the whole.
 *
 * A round gives each step one figure. Medians over passes are no sums, and a location of sums is
 * no sum of locations: that the steps add up is a finding, not arithmetic. */

#include <stddef.h>

#include "stats/location.h"

struct tare_err;

enum ladder_adds { LADDER_UNKNOWN, LADDER_ADDS_UP, LADDER_FALLS_SHORT };

/* n_steps rows of n_rounds columns; NaN: the round has no such figure. */
struct ladder_rounds {
	size_t n_steps, n_rounds;
	const double *logs;  /* log ratio of a step to the one before */
	const double *ns;    /* what it adds to an operation */
	const double *whole; /* a row: log ratio of the last step of the whole to the first */
	size_t n_whole;      /* that many steps make the whole */
};

struct ladder_step {
	struct location log, ns;
	struct location level; /* log: the product of the steps up to here, round by round */
	double p;              /* corrected over the steps, by Holm */
};

struct ladder_sum {
	struct location product; /* of the steps of a round, over rounds that have them all */
	struct location whole;   /* measured directly */
	struct location rest;    /* product to whole, of the same rounds */
	/* log: the product of the steps' estimates. Where a cost is now in one step and now in
	 * another, the typical values of both lack it, and this is not the product. */
	double of_estimates;
	enum ladder_adds adds; /* LADDER_ADDS_UP: the rest's interval holds 1, or lies within
				* 1 +- effect */
};

/* steps: room for n_steps. -ENOMEM. */
int ladder_of(const struct ladder_rounds *rounds, double effect, struct ladder_step *steps,
	      struct ladder_sum *ret, struct tare_err *err);
