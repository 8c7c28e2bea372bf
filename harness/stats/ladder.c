/* SPDX-License-Identifier: MIT */
#include "stats/ladder.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "stats/verdict.h"

/* Of those that are there. buffer has room for n. */
static int location_of_row(const double *row, size_t n, double *buffer, struct location *ret,
			   struct tare_err *err)
{
	size_t there = 0;

	for (size_t i = 0; i < n; i++) {
		if (isfinite(row[i]))
			buffer[there++] = row[i];
	}
	return location_of(buffer, there, ret, err);
}

static int steps_of(const struct ladder_rounds *rounds, double *buffer, struct ladder_step *steps,
		    struct tare_err *err)
{
	cleanup_free double *p = calloc(rounds->n_steps + 1, sizeof(*p));
	size_t n = rounds->n_rounds;
	int r = p ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t s = 0; s < rounds->n_steps && r == 0; s++) {
		r = location_of_row(rounds->logs + s * n, n, buffer, &steps[s].log, err);
		if (r == 0)
			r = location_of_row(rounds->ns + s * n, n, buffer, &steps[s].ns, err);
		if (r == 0)
			p[s] = steps[s].log.p;
	}
	if (r == 0)
		r = verdict_holm(p, rounds->n_steps, err);
	for (size_t s = 0; s < rounds->n_steps && r == 0; s++)
		steps[s].p = p[s];
	return r;
}

static double sum_of_round(const struct ladder_rounds *rounds, size_t round)
{
	double sum = 0;

	for (size_t s = 0; s < rounds->n_whole; s++)
		sum += rounds->logs[s * rounds->n_rounds + round];
	return sum;
}

static enum ladder_adds adds_up(const struct ladder_sum *sum, double effect)
{
	double bound = log1p(effect);
	/* Where rounds do not differ at all, the last bit of a sum is not a finding. */
	double slack = 1e-12;

	if (sum->whole.method == LOCATION_NONE || sum->rest.method == LOCATION_NONE)
		return LADDER_UNKNOWN;
	if (sum->product.estimate >= sum->whole.low - slack &&
	    sum->product.estimate <= sum->whole.high + slack)
		return LADDER_ADDS_UP;
	return sum->rest.low > -bound && sum->rest.high < bound ? LADDER_ADDS_UP
								: LADDER_FALLS_SHORT;
}

int ladder_of(const struct ladder_rounds *rounds, double effect, struct ladder_step *steps,
	      struct ladder_sum *ret, struct tare_err *err)
{
	size_t n = rounds->n_rounds;
	cleanup_free double *buffer = calloc(n + 1, sizeof(*buffer));
	cleanup_free double *sums = calloc(n + 1, sizeof(*sums));
	cleanup_free double *rests = calloc(n + 1, sizeof(*rests));
	int r;

	if (!buffer || !sums || !rests)
		return err_set(err, ENOMEM, "out of memory");
	*ret = (struct ladder_sum){0};
	r = steps_of(rounds, buffer, steps, err);
	for (size_t i = 0; i < n; i++) {
		sums[i] = sum_of_round(rounds, i);
		rests[i] = sums[i] - rounds->whole[i];
	}
	if (r < 0 || (r = location_of_row(sums, n, buffer, &ret->product, err)) < 0 ||
	    (r = location_of_row(rounds->whole, n, buffer, &ret->whole, err)) < 0 ||
	    (r = location_of_row(rests, n, buffer, &ret->rest, err)) < 0)
		return r;
	for (size_t s = 0; s < rounds->n_whole; s++)
		ret->of_estimates += steps[s].log.estimate;
	ret->adds = adds_up(ret, effect);
	return 0;
}
