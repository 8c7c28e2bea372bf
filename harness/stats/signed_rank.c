/* SPDX-License-Identifier: MIT */
#include "stats/signed_rank.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Above this the normal approximation is used: its error is then far below that of the level. */
#define EXACT_MAX 128

/* The normal distribution leaves 2.5 % beyond this at each end. */
#define NORMAL_975 1.959963984540054

/* P(sum of chosen ranks = s) for s = 0..sum, where each rank is chosen with probability 1/2.
 * Ranks are doubled so that mean ranks of ties are whole. */
static int rank_sum_distribution(const size_t *doubled_rank, size_t n, double **ret,
				 size_t *ret_sum, struct tare_err *err)
{
	size_t sum = 0, reached = 0;
	cleanup_free double *p = NULL;

	for (size_t i = 0; i < n; i++)
		sum += doubled_rank[i];
	p = calloc(sum + 1, sizeof(*p));
	if (!p)
		return err_set(err, ENOMEM, "no memory for a rank test of %zu rounds", n);
	p[0] = 1;
	for (size_t i = 0; i < n; i++) {
		size_t rank = doubled_rank[i];

		reached += rank;
		for (size_t s = reached + 1; s-- > 0;)
			p[s] = 0.5 * p[s] + (s >= rank ? 0.5 * p[s - rank] : 0);
	}
	*ret = take_pointer(p);
	*ret_sum = sum;
	return 0;
}

static double rank_variance(double n)
{
	return n * (n + 1) * (2 * n + 1) / 24;
}

int signed_rank_cut(size_t n, size_t *ret_cut, double *ret_achieved, struct tare_err *err)
{
	cleanup_free double *p = NULL;
	size_t rank[EXACT_MAX], sum, cut = 0;
	double below = 0, tail = (1 - SIGNED_RANK_LEVEL) / 2;
	int r;

	*ret_achieved = 0;
	if (n > EXACT_MAX) {
		double mean = (double)n * (double)(n + 1) / 4;

		*ret_cut = (size_t)(mean - NORMAL_975 * sqrt(rank_variance((double)n)));
		*ret_achieved = SIGNED_RANK_LEVEL;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		rank[i] = 2 * (i + 1);
	r = rank_sum_distribution(rank, n, &p, &sum, err);
	if (r < 0)
		return r;
	/* The interval misses with P(V <= cut - 1) at each end. */
	while (2 * cut <= sum && below + p[2 * cut] <= tail)
		below += p[2 * cut++];
	*ret_cut = cut;
	*ret_achieved = cut ? 1 - 2 * below : 0;
	return 0;
}

struct magnitude {
	double size;
	int sign;
};

static int compare_magnitudes(const void *a, const void *b)
{
	const struct magnitude *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

/* Twice the rank of each, ties sharing their mean; gives back how many there are without the
 * zeros, and twice the rank sum of the positive ones. */
static size_t doubled_ranks(struct magnitude *magnitude, size_t n, size_t *rank, size_t *ret_sum)
{
	size_t kept = 0, i = 0;

	for (size_t k = 0; k < n; k++)
		if (magnitude[k].size > 0)
			magnitude[kept++] = magnitude[k];
	qsort(magnitude, kept, sizeof(*magnitude), compare_magnitudes);
	*ret_sum = 0;
	while (i < kept) {
		size_t end = i;

		while (end < kept && magnitude[end].size == magnitude[i].size)
			end++;
		for (size_t k = i; k < end; k++) {
			rank[k] = i + 1 + end; /* twice the mean of i+1 .. end */
			*ret_sum += magnitude[k].sign > 0 ? rank[k] : 0;
		}
		i = end;
	}
	return kept;
}

static double p_normal(double sum, const size_t *rank, size_t n)
{
	double mean = 0, variance = 0, away;

	for (size_t i = 0; i < n; i++) {
		double one = (double)rank[i] / 2;

		mean += one / 2;
		variance += one * one / 4;
	}
	away = fabs(sum - mean) - 0.5; /* continuity */
	return away <= 0 ? 1 : erfc(away / sqrt(variance) / M_SQRT2);
}

int signed_rank_p(const double *x, size_t n, double *ret, struct tare_err *err)
{
	cleanup_free struct magnitude *magnitude = calloc(n + 1, sizeof(*magnitude));
	cleanup_free size_t *rank = calloc(n + 1, sizeof(*rank));
	cleanup_free double *p = NULL;
	size_t observed, sum, kept;
	double below = 0, above = 0;
	int r;

	if (!magnitude || !rank)
		return err_set(err, ENOMEM, "no memory for a rank test of %zu rounds", n);
	for (size_t i = 0; i < n; i++)
		magnitude[i] = (struct magnitude){fabs(x[i]), x[i] > 0 ? 1 : -1};
	kept = doubled_ranks(magnitude, n, rank, &observed);
	if (kept > EXACT_MAX) {
		*ret = p_normal((double)observed / 2, rank, kept);
		return 0;
	}
	r = rank_sum_distribution(rank, kept, &p, &sum, err);
	if (r < 0)
		return r;
	for (size_t s = 0; s <= sum; s++) {
		below += s <= observed ? p[s] : 0;
		above += s >= observed ? p[s] : 0;
	}
	*ret = fmin(1, 2 * fmin(below, above));
	return 0;
}

/* Doubles in the order of whole numbers, so that they can be bisected bit by bit. */
static uint64_t order_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | 1ULL << 63;
}

static double value_of(uint64_t order)
{
	uint64_t bits = order >> 63 ? order & ~(1ULL << 63) : ~order;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static size_t count_walsh_not_above(const double *sorted, size_t n, double bound)
{
	size_t count = 0, j = n;

	/* As i goes up, the last j whose average with i is not above the bound goes down. */
	for (size_t i = 0; i < n; i++) {
		while (j > i && (sorted[i] + sorted[j - 1]) / 2 > bound)
			j--;
		if (j <= i)
			break;
		count += j - i;
	}
	return count;
}

double signed_rank_walsh(const double *sorted, size_t n, size_t k)
{
	uint64_t low = order_of(sorted[0]), high = order_of(sorted[n - 1]);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (count_walsh_not_above(sorted, n, value_of(middle)) >= k)
			high = middle;
		else
			low = middle + 1;
	}
	return value_of(low);
}
