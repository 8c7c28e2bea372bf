/* SPDX-License-Identifier: MIT */
#pragma once
/* histogram: quantiles of the log-linear histograms of base/loglin.h.
 *
 * A histogram knows a value only up to its bucket. quantile_upper is what may be claimed: at
 * least that share of the values is not above it. quantile_between spreads the values of a
 * bucket evenly over it: smooth, so that quantiles of two rounds can be compared, and no
 * better than HISTOGRAM_RESOLUTION. */

#include <stddef.h>
#include <stdint.h>

#include "base/loglin.h"

/* The relative width of the widest bucket: 1/8. */
#define HISTOGRAM_RESOLUTION (1.0 / LOGLIN_SUB)

struct histogram {
	uint64_t count, max; /* max: 0 when it is not known */
	uint64_t bucket[LOGLIN_BUCKETS];
};

void histogram_add(struct histogram *histogram, unsigned int bucket, uint64_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest bound that a share p of the values is certain not to exceed. NaN when empty. */
double histogram_quantile_upper(const struct histogram *histogram, double p);
double histogram_quantile_between(const struct histogram *histogram, double p);
/* The share of the values that are certainly not above the bucket. */
double histogram_share(const struct histogram *histogram, unsigned int bucket);
