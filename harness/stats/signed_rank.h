/* SPDX-License-Identifier: MIT */
#pragma once
/* signed_rank: Wilcoxon's signed-rank test, and Walsh averages without storing them. */

#include <stddef.h>

struct tare_err;

#define SIGNED_RANK_LEVEL 0.95

/* How many Walsh averages to cut off at each end for an interval of at least 95 %: the
 * interval is from the (cut)th smallest to the (cut)th largest, from 1. 0: no such interval. */
int signed_rank_cut(size_t n, size_t *ret_cut, double *ret_achieved, struct tare_err *err);

/* Two-sided p of the location being 0. Zeros are dropped and ties get their mean rank; the
 * distribution is that of the ranks as they are, so it is exact with ties too. */
int signed_rank_p(const double *x, size_t n, double *ret, struct tare_err *err);

/* The kth smallest Walsh average, from 1. sorted is ascending. */
double signed_rank_walsh(const double *sorted, size_t n, size_t k);
