/* SPDX-License-Identifier: MIT */
#include "stats/pair.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "stats/quantile.h"

struct turn {
	uint64_t pass;
	double value;
};

static int compare_turns(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return (x->pass > y->pass) - (x->pass < y->pass);
}

/* The turns in order of their passes, each pass once. */
static int turns_of(const struct pair_slices *slices, struct turn **ret, struct tare_err *err)
{
	cleanup_free struct turn *turns = calloc(slices->n + 1, sizeof(*turns));

	if (!turns)
		return err_set(err, ENOMEM, "no memory for %zu slices", slices->n);
	for (size_t i = 0; i < slices->n; i++) {
		if (!(slices->value[i] > 0) || !isfinite(slices->value[i]))
			return err_set(err, EINVAL, "slice %zu took %g ns an operation", i,
				       slices->value[i]);
		turns[i] = (struct turn){slices->pass[i], slices->value[i]};
	}
	qsort(turns, slices->n, sizeof(*turns), compare_turns);
	for (size_t i = 1; i < slices->n; i++)
		if (turns[i].pass == turns[i - 1].pass)
			return err_set(err, EINVAL, "pass %llu is there twice",
				       (unsigned long long)turns[i].pass);
	*ret = take_pointer(turns);
	return 0;
}

static double log_ratio(double a, double b)
{
	return log(a / b);
}

static double difference(double a, double b)
{
	return a - b;
}

static int median_over_passes(const struct pair_slices *a, const struct pair_slices *b,
			      double (*of)(double, double), double *ret, size_t *ret_pairs,
			      struct tare_err *err)
{
	cleanup_free struct turn *x = NULL;
	cleanup_free struct turn *y = NULL;
	cleanup_free double *values = calloc(a->n + 1, sizeof(*values));
	size_t n = 0, i = 0, j = 0;
	int r;

	if (!values)
		return err_set(err, ENOMEM, "no memory for %zu slices", a->n);
	r = turns_of(a, &x, err);
	if (r < 0)
		return r;
	r = turns_of(b, &y, err);
	if (r < 0)
		return r;
	while (i < a->n && j < b->n) {
		if (x[i].pass < y[j].pass) {
			i++;
		} else if (x[i].pass > y[j].pass) {
			j++;
		} else {
			values[n++] = of(x[i++].value, y[j++].value);
		}
	}
	if (n == 0)
		return err_set(err, ENODATA, "no pass in common");
	*ret = quantile_median(values, n);
	if (ret_pairs)
		*ret_pairs = n;
	return 0;
}

int pair_log_ratio(const struct pair_slices *a, const struct pair_slices *b, double *ret,
		   size_t *ret_pairs, struct tare_err *err)
{
	return median_over_passes(a, b, log_ratio, ret, ret_pairs, err);
}

int pair_difference(const struct pair_slices *a, const struct pair_slices *b, double *ret,
		    struct tare_err *err)
{
	return median_over_passes(a, b, difference, ret, NULL, err);
}
