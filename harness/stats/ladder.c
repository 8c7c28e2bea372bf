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
			p[s] = location_p_for_many(&steps[s].log);
	}
	if (r == 0)
		r = verdict_holm(p, rounds->n_steps, err);
	for (size_t s = 0; s < rounds->n_steps && r == 0; s++)
		steps[s].p = fmax(p[s], steps[s].log.p);
	return r;
}

/* sums: the logs of the steps so far, a figure a round. */
static int levels_of(const struct ladder_rounds *rounds, double *sums, double *buffer,
		     struct ladder_step *steps, struct tare_err *err)
{
	size_t n = rounds->n_rounds;
	int r = 0;

	for (size_t s = 0; s < rounds->n_steps && r == 0; s++) {
		for (size_t i = 0; i < n; i++)
			sums[i] += rounds->logs[s * n + i];
		r = location_of_row(sums, n, buffer, &steps[s].level, err);
	}
	return r;
}

/* How far the steps of the whole miss it, a figure a round. */
static void rests_of(const struct ladder_rounds *rounds, double *rests)
{
	for (size_t i = 0; i < rounds->n_rounds; i++) {
		rests[i] = -rounds->whole[i];
		for (size_t s = 0; s < rounds->n_whole; s++)
			rests[i] += rounds->logs[s * rounds->n_rounds + i];
	}
}

static enum ladder_adds adds_up(const struct ladder_sum *sum, double effect)
{
	double bound = log1p(effect);
	/* Where rounds do not differ at all, the last bit of a sum is not a finding. */
	double slack = 1e-12;

	if (sum->whole.method == LOCATION_NONE || sum->rest.method == LOCATION_NONE)
		return LADDER_UNKNOWN;
	if (sum->rest.low <= slack && sum->rest.high >= -slack)
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
	rests_of(rounds, rests);
	if ((r = steps_of(rounds, buffer, steps, err)) < 0 ||
	    (r = levels_of(rounds, sums, buffer, steps, err)) < 0 ||
	    (r = location_of_row(rounds->whole, n, buffer, &ret->whole, err)) < 0 ||
	    (r = location_of_row(rests, n, buffer, &ret->rest, err)) < 0)
		return r;
	if (rounds->n_whole > 0)
		ret->product = steps[rounds->n_whole - 1].level;
	for (size_t s = 0; s < rounds->n_whole; s++)
		ret->of_estimates += steps[s].log.estimate;
	ret->adds = adds_up(ret, effect);
	return 0;
}
