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

static void student_interval(const double *x, size_t n, struct location *ret)
{
	double mean = 0, square = 0, error, reach;

	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		square += (x[i] - mean) * (x[i] - mean);
	error = sqrt(square / (double)(n - 1) / (double)n);
	reach = student_beyond(1 - LOCATION_LEVEL, n - 1) * error;
	ret->low = fmin(mean - reach, ret->estimate);
	ret->high = fmax(mean + reach, ret->estimate);
	ret->level = LOCATION_LEVEL;
	if (error > 0)
		ret->p = student_two_tails(mean / error, n - 1);
	else
		ret->p = mean == 0 ? 1 : 0;
	ret->method = LOCATION_STUDENT;
}

static double hodges_lehmann(const double *sorted, size_t n)
{
	size_t pairs = n * (n + 1) / 2;
	double upper = signed_rank_walsh(sorted, n, pairs / 2 + 1);

	return pairs % 2 ? upper : (signed_rank_walsh(sorted, n, pairs / 2) + upper) / 2;
}

int location_of(const double *x, size_t n, struct location *ret, struct tare_err *err)
{
	cleanup_free double *sorted = calloc(n + 1, sizeof(*sorted));
	size_t cut;
	int r;

	*ret = (struct location){
		.n = n, .estimate = NAN, .low = NAN, .high = NAN, .p = 1, .method = LOCATION_NONE};
	if (!sorted)
		return err_set(err, ENOMEM, "no memory for %zu rounds", n);
	if (n == 0)
		return 0;
	memcpy(sorted, x, n * sizeof(*sorted));
	quantile_sort(sorted, n);
	ret->estimate = hodges_lehmann(sorted, n);
	if (n < LOCATION_ROUNDS_MIN)
		return 0;
	if (n == LOCATION_ROUNDS_MIN) {
		student_interval(sorted, n, ret);
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

const char *location_method_name(enum location_method method)
{
	switch (method) {
	case LOCATION_STUDENT:
		return "student";
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
