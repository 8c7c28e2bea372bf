/* SPDX-License-Identifier: MIT */
#include "stats/binomial.h"

#include <math.h>

/* Of n with chance p each, k or more; 0 < p < 1. Each term's logarithm comes of the one before it,
 * since a factorial of some hundred is no double. */
static double at_least(size_t k, size_t n, double p)
{
	double term = (double)n * log1p(-p), sum = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i >= k)
			sum += exp(term);
		term += log((double)(n - i) / (double)(i + 1)) + log(p) - log1p(-p);
	}
	return sum;
}

/* The chance with which k or more come to pass with probability `tail`; k > 0. It grows with p. */
static double chance_of(size_t k, size_t n, double tail)
{
	double low = 0, high = 1;

	for (;;) {
		double middle = (low + high) / 2;

		if (middle <= low || middle >= high)
			return middle;
		if (at_least(k, n, middle) < tail)
			low = middle;
		else
			high = middle;
	}
}

void binomial_interval(size_t k, size_t n, double level, double *ret_low, double *ret_high)
{
	double tail = (1 - level) / 2;

	*ret_low = k == 0 ? 0 : chance_of(k, n, tail);
	/* k or fewer of one kind are n - k or more of the other. */
	*ret_high = k == n ? 1 : 1 - chance_of(n - k, n, tail);
}
