/* SPDX-License-Identifier: MIT */
#pragma once
/* quantile: order statistics of samples. Pure: numbers in, numbers out. */

#include <stddef.h>

/* Sort ascending, in place. No NaN. */
void quantile_sort(double *x, size_t n);

/* Type 7 of Hyndman and Fan (R's default): linear between the order statistics around
 * (n - 1) p. x is sorted; n > 0; 0 <= p <= 1. */
double quantile_type7(const double *sorted, size_t n, double p);

/* The median. Sorts x in place; NaN when n is 0. */
double quantile_median(double *x, size_t n);
