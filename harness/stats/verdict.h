/* SPDX-License-Identifier: MIT */
#pragma once
/* verdict: what may be said of a ratio, against the smallest effect that is of interest. */

#include <stddef.h>

#include "stats/location.h"

#define VERDICT_EFFECT_DEFAULT 0.01

enum verdict {
	VERDICT_INCONCLUSIVE,
	/* The interval lies within 1 +- effect (two one-sided tests at 2.5 %), and p of lying
	 * outside is at most 5 % after Holm's correction. */
	VERDICT_EQUIVALENT,
	VERDICT_SLOWER,         /* the interval lies above 1, and does so after Holm's correction */
	VERDICT_FASTER,         /* below */
	VERDICT_NOT_RESOLVABLE, /* the effect is smaller than what its observer costs or resolves */
};

/* Holm's step-down correction of n p-values, in place. -ENOMEM. */
int verdict_holm(double *p, size_t n, struct tare_err *err);

/* What is claimed of a log ratio is claimed with all others of its question: p are corrected by
 * Holm over them, those of a difference and those of a lack of it each among themselves. */
struct verdict_ps {
	double differs, differs_holm; /* of the ratio being 1 */
	double outside, outside_holm; /* of it being outside 1 +- effect */
};

/* The p of one location, not yet corrected. */
void verdict_ps_of(const struct location *location, double effect, struct verdict_ps *ret);
/* Correct the n of one question, which are question[0..n). -ENOMEM. */
int verdict_correct(struct verdict_ps *const *question, size_t n, struct tare_err *err);

/* location: of the log ratio. resolution: log of the smallest ratio that the instrument can tell
 * from 1; 0: no bound. */
enum verdict verdict_of_many(const struct location *location, const struct verdict_ps *ps,
			     double effect, double resolution);
/* The same of a question with a single ratio, or one of which only p was corrected. */
enum verdict verdict_of(const struct location *location, double p, double effect,
			double resolution);
const char *verdict_name(enum verdict verdict);
