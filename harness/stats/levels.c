/* SPDX-License-Identifier: MIT */
#include "stats/levels.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

/* A guest that lives for more rounds than this has seen more than a guest's life. */
#define ROUNDS_PER_INSTANCE_MAX 64
/* Fewer have no interval by ranks. */
#define INSTANCES_MIN           6

static double mean_of(const double *x, size_t n)
{
	double mean = 0;

	for (size_t i = 0; i < n; i++)
		mean += x[i] / (double)n;
	return mean;
}

/* What the analysis of variance sums up, instance by instance. */
struct sums {
	double mean;            /* of all rounds */
	double within, between; /* squares */
	double squared_sizes;   /* of instances */
};

static void add_instance(struct sums *sums, const double *x, size_t n)
{
	double mean = mean_of(x, n);

	for (size_t i = 0; i < n; i++)
		sums->within += (x[i] - mean) * (x[i] - mean);
	sums->between += (double)n * (mean - sums->mean) * (mean - sums->mean);
	sums->squared_sizes += (double)n * (double)n;
}

static void put_variances(const struct sums *sums, struct levels *ret)
{
	double n = (double)ret->rounds, m = (double)ret->location.n, size;

	if (ret->location.n < 2 || ret->rounds == ret->location.n)
		return;
	size = (n - sums->squared_sizes / n) / (m - 1);
	ret->round_var = sums->within / (n - m);
	ret->instance_var = fmax(0, (sums->between / (m - 1) - ret->round_var) / size);
}

int levels_of(const double *x, const uint64_t *instance, size_t n, struct levels *ret,
	      struct tare_err *err)
{
	cleanup_free double *figures = calloc(n + 1, sizeof(*figures));
	struct sums sums = {.mean = mean_of(x, n)};
	size_t begin = 0, m = 0;
	int r;

	*ret = (struct levels){.rounds = n, .round_var = NAN, .instance_var = NAN};
	if (!figures)
		return err_set(err, ENOMEM, "no memory for %zu rounds", n);
	while (begin < n) {
		size_t end = begin + 1;
		double figure;

		while (instance && end < n && instance[end] == instance[begin])
			end++;
		r = location_estimate(x + begin, end - begin, &figure, err);
		if (r < 0)
			return r;
		figures[m++] = figure;
		add_instance(&sums, x + begin, end - begin);
		if (end - begin > ret->rounds_per_instance)
			ret->rounds_per_instance = end - begin;
		begin = end;
	}
	r = location_of(figures, m, &ret->location, err);
	if (r == 0)
		put_variances(&sums, ret);
	return r;
}

/* So many instances of k rounds each, when `needed` of those that there are would do. */
static size_t instances_of(const struct levels *levels, double needed, size_t k)
{
	double now = levels->instance_var + levels->round_var / (double)levels->rounds_per_instance;
	double then = levels->instance_var + levels->round_var / (double)k;

	return (size_t)ceil(fmax(now > 0 ? needed * then / now : needed, INSTANCES_MIN));
}

static double time_of(const struct levels_cost *cost, size_t instances, size_t k)
{
	return (double)instances * (cost->instance_s + (double)k * cost->round_s);
}

/* Which number of rounds in an instance is the cheapest way there? */
static void choose(const struct levels *levels, double needed, const struct levels_cost *cost,
		   struct levels_more *ret)
{
	size_t now = levels->rounds_per_instance;

	for (size_t k = 1; k <= ROUNDS_PER_INSTANCE_MAX; k++) {
		size_t m = instances_of(levels, needed, k);
		double time = time_of(cost, m, k);

		if (k > 1 && !(time < ret->time_s))
			continue;
		ret->instances = m;
		ret->rounds_per_instance = k;
		ret->time_s = time;
	}
	ret->where = ret->rounds_per_instance > now ? LEVELS_ROUNDS : LEVELS_INSTANCES;
}

void levels_more(const struct levels *levels, double half, const struct levels_cost *cost,
		 struct levels_more *ret)
{
	struct levels_cost assumed = cost->round_s > 0 ? *cost : (struct levels_cost){1, 0};
	size_t needed = location_rounds_for(&levels->location, half);

	*ret = (struct levels_more){.where = LEVELS_UNKNOWN, .time_s = NAN};
	if (needed == 0)
		return;
	if (needed <= levels->location.n ||
	    (levels->location.high - levels->location.low) / 2 <= half) {
		ret->where = LEVELS_ENOUGH;
		ret->instances = levels->location.n;
		ret->rounds_per_instance = levels->rounds_per_instance;
		ret->rounds = levels->rounds;
		ret->time_s = 0;
		return;
	}
	if (isnan(levels->round_var)) {
		/* Each round is an instance: what differs between both is not known. */
		ret->where = LEVELS_ROUNDS;
		ret->instances = needed;
		ret->rounds_per_instance = 1;
		ret->time_s = time_of(&assumed, needed, 1);
	} else {
		choose(levels, (double)needed, &assumed, ret);
	}
	ret->rounds = ret->instances * ret->rounds_per_instance;
	if (!(cost->round_s > 0))
		ret->time_s = NAN;
}

const char *levels_where_name(enum levels_where where)
{
	static const char *const names[] = {
		[LEVELS_UNKNOWN] = "unknown",
		[LEVELS_ENOUGH] = "enough",
		[LEVELS_ROUNDS] = "rounds",
		[LEVELS_INSTANCES] = "instances",
	};

	return names[where];
}
