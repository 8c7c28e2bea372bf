/* SPDX-License-Identifier: MIT */
#include "rounds/paired.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"
#include "stats/quantile.h"

int paired_make(size_t n_rows, size_t n_rounds, struct paired *ret, struct tare_err *err)
{
	double *x = calloc(n_rows * n_rounds + 1, sizeof(*x));

	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_rows * n_rounds; i++)
		x[i] = NAN;
	*ret = (struct paired){n_rows, n_rounds, x};
	return 0;
}

void paired_put(struct paired *paired, size_t row, size_t round, double value)
{
	if (row < paired->n_rows && round < paired->n_rounds)
		paired->x[row * paired->n_rounds + round] = value;
}

static size_t take_row(const struct paired *paired, size_t row, double *x)
{
	const double *from = paired->x + row * paired->n_rounds;
	size_t n = 0;

	for (size_t i = 0; i < paired->n_rounds; i++)
		if (isfinite(from[i]))
			x[n++] = from[i];
	return n;
}

static void put_moments(json_t *object, const double *sorted, size_t n)
{
	double sum = 0, squares = 0, mean;

	for (size_t i = 0; i < n; i++)
		sum += sorted[i];
	mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (sorted[i] - mean) * (sorted[i] - mean);
	(void)json_put(object, "median", json_number(quantile_type7(sorted, n, 0.5)));
	(void)json_put(object, "mean", json_number(mean));
	(void)json_put(object, "stddev",
		       n > 1 ? json_number(sqrt(squares / (double)(n - 1))) : json_null());
	(void)json_put(object, "min", json_number(sorted[0]));
	(void)json_put(object, "max", json_number(sorted[n - 1]));
}

int paired_figure(const struct paired *paired, size_t row, json_t **ret, struct tare_err *err)
{
	cleanup_free double *x = calloc(paired->n_rounds + 1, sizeof(*x));
	struct location l;
	size_t n;
	int r = 0;

	*ret = json_object();
	if (!x || !*ret)
		return err_set(err, ENOMEM, "out of memory");
	n = take_row(paired, row, x);
	if (n == 0)
		return json_put(*ret, "rounds", json_u64(0));
	quantile_sort(x, n);
	put_moments(*ret, x, n);
	/* CPU time may be too short to be counted at all: then there is no scale for an interval.
	 */
	l = (struct location){.n = n, .estimate = log(quantile_type7(x, n, 0.5))};
	if (x[0] > 0) {
		for (size_t i = 0; i < n; i++)
			x[i] = log(x[i]);
		r = location_of(x, n, &l, err);
	}
	(void)json_put(*ret, "location", json_number(exp(l.estimate)));
	summary_put_interval(*ret, &l, true);
	return r;
}

int paired_ratio(const struct paired *paired, size_t row, size_t base, double effect, json_t **ret,
		 struct tare_err *err)
{
	const double *a = paired->x + row * paired->n_rounds;
	const double *b = paired->x + base * paired->n_rounds;
	cleanup_free double *x = calloc(paired->n_rounds + 1, sizeof(*x));
	struct location l;
	enum verdict verdict;
	size_t n = 0;
	int r;

	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < paired->n_rounds; i++)
		if (a[i] > 0 && b[i] > 0)
			x[n++] = log(a[i] / b[i]);
	r = location_of(x, n, &l, err);
	if (r < 0)
		return r;
	/* One question, one figure: there is nothing that Holm's correction would be over. */
	verdict = verdict_of(&l, l.p, effect, 0);
	*ret = json_pack("{s:o, s:o, s:s}", "ratio", json_number(exp(l.estimate)), "p",
			 json_number(l.p), "verdict", verdict_name(verdict));
	if (!*ret)
		return err_set(err, ENOMEM, "out of memory");
	summary_put_interval(*ret, &l, true);
	return verdict == VERDICT_INCONCLUSIVE
		       ? json_put(*ret, "why", summary_why_inconclusive(&l, effect))
		       : 0;
}

const json_t *paired_find_ratio(const json_t *document, const json_t *cell, const char *metric)
{
	const json_t *ratio;
	size_t i;

	json_array_foreach(json_object_get(document, "ratios"), i, ratio)
	{
		if (strcmp(json_string_or(ratio, "metric", ""), metric) == 0 &&
		    json_equal(json_object_get(ratio, "env"), json_object_get(cell, "env")))
			return ratio;
	}
	return NULL;
}
