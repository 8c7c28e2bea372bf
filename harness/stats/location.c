/* SPDX-License-Identifier: MIT */
#include "stats/location.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "stats/quantile.h"
#include "stats/signed_rank.h"
#include "stats/student.h"

static double hodges_lehmann(const double *sorted, size_t n)
{
	size_t pairs = n * (n + 1) / 2;
	double upper = signed_rank_walsh(sorted, n, pairs / 2 + 1);

	return pairs % 2 ? upper : (signed_rank_walsh(sorted, n, pairs / 2) + upper) / 2;
}

/* How far the ends reach beyond the smallest and the largest of five rounds, in parts of the gap to
 * the next one. */
#define FIVE_BEYOND 0.3

/* P(T > t) where the interval reaches `reach` to that side of the estimate, and what is asked of
 * lies `away`. */
static double one_tail(const struct location *l, double away, double reach)
{
	size_t freedom = l->n > 1 ? l->n - 1 : 1;
	double t, both;

	if (!(reach > 0))
		return away > 0 ? 0 : 1;
	t = student_beyond(1 - LOCATION_LEVEL, freedom) * away / reach;
	both = student_two_tails(t, freedom);
	return t > 0 ? both / 2 : 1 - both / 2;
}

/* p of 0, by those tails. */
static double p_by_tails(const struct location *l)
{
	if (l->estimate == 0)
		return 1;
	return 2 * (l->estimate > 0 ? one_tail(l, l->estimate, l->estimate - l->low)
				    : one_tail(l, -l->estimate, l->high - l->estimate));
}

static void five_rounds(const double *sorted, struct location *ret)
{
	ret->low = sorted[0] - FIVE_BEYOND * (sorted[1] - sorted[0]);
	ret->high = sorted[4] + FIVE_BEYOND * (sorted[4] - sorted[3]);
	ret->level = LOCATION_LEVEL;
	ret->method = LOCATION_FIVE;
	ret->p = p_by_tails(ret);
}

/* *ret is the caller's to free. */
static int sort_rounds(const double *x, size_t n, double **ret, struct tare_err *err)
{
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return err_set(err, ENOMEM, "no memory for %zu rounds", n);
	if (n == 0)
		return 0;
	memcpy(*ret, x, n * sizeof(**ret));
	quantile_sort(*ret, n);
	return 0;
}

int location_of(const double *x, size_t n, struct location *ret, struct tare_err *err)
{
	cleanup_free double *sorted = NULL;
	size_t cut;
	int r = sort_rounds(x, n, &sorted, err);

	*ret = (struct location){
		.n = n, .estimate = NAN, .low = NAN, .high = NAN, .p = 1, .method = LOCATION_NONE};
	if (r < 0 || n == 0)
		return r;
	ret->estimate = hodges_lehmann(sorted, n);
	if (n < LOCATION_ROUNDS_MIN)
		return 0;
	if (n == LOCATION_ROUNDS_MIN) {
		five_rounds(sorted, ret);
		return 0;
	}
	r = signed_rank_cut(n, &cut, &ret->level, err);
	if (r < 0)
		return r;
	ret->low = signed_rank_walsh(sorted, n, cut);
	ret->high = signed_rank_walsh(sorted, n, n * (n + 1) / 2 - cut + 1);
	ret->method = LOCATION_SIGNED_RANK;
	return signed_rank_p(x, n, &ret->p, err);
}

int location_estimate(const double *x, size_t n, double *ret, struct tare_err *err)
{
	cleanup_free double *sorted = NULL;
	int r = sort_rounds(x, n, &sorted, err);

	if (r == 0)
		*ret = n ? hodges_lehmann(sorted, n) : NAN;
	return r;
}

double location_p_outside(const struct location *location, double bound)
{
	const struct location *l = location;

	if (l->method == LOCATION_NONE)
		return 1;
	return fmax(one_tail(l, bound - l->estimate, l->high - l->estimate),
		    one_tail(l, l->estimate + bound, l->estimate - l->low));
}

double location_p_for_many(const struct location *location)
{
	const struct location *l = location;

	if (l->method != LOCATION_SIGNED_RANK || l->n > 1000 ||
	    l->p > ldexp(1, 1 - (int)l->n) * (1 + 1e-9))
		return l->p;
	return fmin(l->p, p_by_tails(l));
}

const char *location_method_name(enum location_method method)
{
	switch (method) {
	case LOCATION_FIVE:
		return "five-rounds";
	case LOCATION_SIGNED_RANK:
		return "signed-rank";
	case LOCATION_TWO_RUNS:
		return "two-runs";
	case LOCATION_NONE:
		break;
	}
	return "none";
}

size_t location_rounds_for(const struct location *location, double half)
{
	double times;

	if (location->method == LOCATION_NONE || !(half > 0))
		return 0;
	times = (location->high - location->low) / 2 / half;
	/* Widths go down with the square root of the rounds. */
	return times > 1e4 ? 0 : (size_t)ceil(fmax((double)location->n * times * times, 6));
}
