/* SPDX-License-Identifier: MIT */
#pragma once
/* verdict: what may be said of a ratio, against the smallest effect that is of interest. */

#include <stddef.h>

#include "stats/location.h"

#define VERDICT_EFFECT_DEFAULT 0.01

enum verdict {
	VERDICT_INCONCLUSIVE,
	VERDICT_EQUIVALENT,     /* the interval lies within 1 +- effect */
	VERDICT_SLOWER,         /* the interval lies above 1, and does so after Holm's correction */
	VERDICT_FASTER,         /* below */
	VERDICT_NOT_RESOLVABLE, /* the effect is smaller than what its observer costs or resolves */
};

/* Holm's step-down correction of n p-values, in place. -ENOMEM. */
int verdict_holm(double *p, size_t n, struct tare_err *err);

/* location: of the log ratio. p: corrected. resolution: log of the smallest ratio that the
 * instrument can tell from 1; 0: no bound. */
enum verdict verdict_of(const struct location *location, double p, double effect,
			double resolution);
const char *verdict_name(enum verdict verdict);
