/* SPDX-License-Identifier: MIT */
#pragma once
/* binomial: what k of n tells of the share behind it. Pure: numbers in, numbers out. */

#include <stddef.h>

/* The interval of Clopper and Pearson, which holds the share at least as often as `level` says.
 * k <= n; without any (n = 0) it is 0 to 1. */
void binomial_interval(size_t k, size_t n, double level, double *ret_low, double *ret_high);
