/* SPDX-License-Identifier: MIT */
/* Latencies of a load in each environment: the ECDF up to p99.5, and beside it what an ECDF
 * hides, the tail, as the share of operations above, on log axes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "report/plot.h"
#include "report/style.h"

#define WIDTH  860
#define HEIGHT 350

struct range {
	double low, high, body_high, least;
};

/* A point at the upper end of each bucket; the first one is where the share is still 0. A log axis
 * has no 0 for the share that is slower than the slowest: there the line ends, as high as it was.
 */
static void put_histogram(const struct histogram *h, FILE *data, struct range *range)
{
	bool begun = false;
	double slower = 1;

	for (unsigned int b = 0; b < LOGLIN_BUCKETS; b++) {
		double upper = (double)loglin_lower(b + 1), share = histogram_share(h, b);

		if (!h->bucket[b])
			continue;
		if (!begun) {
			double lower = fmax((double)loglin_lower(b), 1);

			(void)fprintf(data, "%.9g\t0\t1\n", lower);
			range->low = fmin(range->low, lower);
		}
		begun = true;
		if (h->max && (double)h->max < upper)
			upper = (double)h->max;
		range->high = fmax(range->high, upper);
		if (share < 1)
			slower = 1 - share;
		range->least = fmin(range->least, slower);
		(void)fprintf(data, "%.9g\t%.9g\t%.9g\n", upper, share, slower);
	}
	(void)fprintf(data, "\n\n");
	range->body_high = fmax(range->body_high, histogram_quantile_upper(h, 0.995));
}

static void put_curves(const struct run_cell *const *cells, size_t n, const char *name, int column,
		       FILE *script)
{
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(script, "%s'%s.tsv' index %zu using 1:%d with %s lw 2 ",
			      i ? ", \\\n  " : "plot ", name, i, column, "steps");
		plot_colour(script, style_env(cells[i]->env));
	}
	(void)fprintf(script, "\n");
}

static void put_script(const struct run *run, const struct run_cell *const *cells, size_t n,
		       const struct plot *plot, const struct range *range)
{
	FILE *s = plot->script;
	bool used[RUN_ENVS_MAX] = {false};
	int top;

	for (size_t i = 0; i < n; i++)
		used[cells[i]->env] = true;
	top = plot_legend(s, run, used, WIDTH, HEIGHT);

	(void)fprintf(s,
		      "set multiplot\nset logscale x\n"
		      "set tmargin at screen %.4f\nset bmargin at screen 0.11\n"
		      "set lmargin at screen 0.08\nset rmargin at screen 0.47\n"
		      "set title 'share of operations not slower' offset 0,-0.3\n"
		      "set yrange [0:1]\nset ytics 0.25\nset xrange [%.9g:%.9g]\n",
		      1 - (top + 32.0) / HEIGHT, range->low / 1.1, range->body_high * 1.1);
	plot_time_ticks(s, 'x', range->low / 1.1, range->body_high * 1.1);
	put_curves(cells, n, plot->name, 2, s);
	(void)fprintf(s,
		      "set lmargin at screen 0.58\nset rmargin at screen 0.97\nunset label\n"
		      "set title 'tail: share of operations slower' offset 0,-0.3\n"
		      "set logscale y\nset yrange [%.3g:1]\nset xrange [%.9g:%.9g]\n"
		      "set ytics ('all' 1, '1 in 10' 0.1, '1 in 100' 0.01, '1 in 1 000' 0.001, "
		      "'1 in 10 000' 1e-4, '1 in 100 000' 1e-5, '1 in 10^6' 1e-6)\n",
		      fmax(range->least / 2, 1e-7), range->low / 1.1, range->high * 1.2);
	plot_time_ticks(s, 'x', range->low / 1.1, range->high * 1.2);
	put_curves(cells, n, plot->name, 3, s);
	(void)fprintf(s, "unset multiplot\n");
}

static int plot_set(const char *dir, const struct run *run, size_t first, struct tare_err *err)
{
	cleanup_free const struct run_cell **cells = calloc(run->n_envs, sizeof(struct run_cell *));
	cleanup_free struct histogram *histogram = calloc(1, sizeof(*histogram));
	struct range range = {.low = 1e18, .least = 1};
	struct plot plot;
	char name[32];
	size_t n = 0;
	int r;

	if (!cells || !histogram)
		return err_set(err, ENOMEM, "out of memory");
	plot_set_name("latency", first, name, sizeof(name));
	r = plot_begin(dir, name, &plot, err);
	if (r < 0)
		return r;
	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);

		if (!cell)
			continue;
		run_merge_latency(run, cell, histogram);
		if (!histogram->count)
			continue;
		put_histogram(histogram, plot.data, &range);
		cells[n++] = cell;
	}
	if (n == 0) {
		plot_drop(&plot);
		return 0;
	}
	put_script(run, cells, n, &plot, &range);
	return plot_end(&plot, WIDTH, HEIGHT, err);
}

int plot_latencies(const char *dir, const struct run *run, struct tare_err *err)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		int r = 0;

		if (strcmp(run->cells[i].mode, "latency") == 0 && run_is_first_of_set(run, i))
			r = plot_set(dir, run, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}
