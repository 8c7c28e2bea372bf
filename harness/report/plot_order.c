/* SPDX-License-Identifier: MIT */
/* Every timed trial in the order of the run, against the median of its cell: drift, steps and
 * odd rounds show here, which a median hides. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "report/plot.h"
#include "report/style.h"
#include "stats/quantile.h"

#define DOTS_MAX 4000
#define WIDTH    860
#define HEIGHT   310

static double cell_median(const struct run *run, const struct run_cell *cell)
{
	cleanup_free double *x = calloc(cell->n_trials + 1, sizeof(*x));
	size_t n = 0;

	for (size_t i = 0; x && i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && !isnan(trial->median_ns))
			x[n++] = trial->median_ns;
	}
	return x ? quantile_median(x, n) : NAN;
}

static bool is_shown(const struct run *run, const struct run_trial *trial)
{
	const struct run_cell *cell = &run->cells[trial->cell];

	return run_trial_counts(trial) && trial->median_ns > 0 && !cell->observed &&
	       strcmp(cell->mode, "batch") == 0;
}

size_t plot_order_trials(const struct run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n_trials; i++)
		n += is_shown(run, &run->trials[i]);
	return n;
}

static size_t put_data(const struct run *run, FILE *data, bool *used, double *low, double *high)
{
	cleanup_free double *median = calloc(run->n_cells + 1, sizeof(*median));
	size_t n = 0, skip = run->n_trials / DOTS_MAX + 1;
	uint64_t begin = UINT64_MAX;

	for (size_t i = 0; i < run->n_trials; i++) {
		if (run->trials[i].asked_ns && run->trials[i].asked_ns < begin)
			begin = run->trials[i].asked_ns;
	}
	for (size_t i = 0; median && i < run->n_cells; i++)
		median[i] = cell_median(run, &run->cells[i]);
	for (size_t env = 0; median && env < run->n_envs; env++) {
		(void)fprintf(data, "0\tNaN\n");
		for (size_t i = 0; i < run->n_trials; i += skip) {
			const struct run_trial *t = &run->trials[i];
			double relative = is_shown(run, t) ? t->median_ns / median[t->cell] : NAN;

			if (isnan(relative) || run->cells[t->cell].env != env || !t->asked_ns)
				continue;
			(void)fprintf(data, "%.4f\t%.6g\n", (double)(t->asked_ns - begin) / 60e9,
				      relative);
			*low = fmin(*low, relative);
			*high = fmax(*high, relative);
			used[env] = true;
			n++;
		}
		(void)fprintf(data, "\n\n");
	}
	return n;
}

int plot_order(const char *dir, const struct run *run, struct tare_err *err)
{
	double low = 0.98, high = 1.02;
	struct plot plot;
	const char *before = "plot ";
	bool used[RUN_ENVS_MAX] = {false};
	int top;
	int r = plot_begin(dir, "order", &plot, err);

	if (r < 0)
		return r;
	if (put_data(run, plot.data, used, &low, &high) == 0) {
		plot_drop(&plot);
		return 0;
	}
	top = plot_legend(plot.script, run, used, WIDTH, HEIGHT);
	low /= 1.02;
	high *= 1.02;
	(void)fprintf(plot.script,
		      "set logscale y\nset yrange [%.6g:%.6g]\nset xlabel 'minutes since the first "
		      "trial'\nset title 'time per operation, against the median of its cell' "
		      "offset 0,-0.3\nset lmargin 9\nset tmargin at screen %.4f\n",
		      low, high, 1 - (top + 32.0) / HEIGHT);
	plot_ratio_ticks(plot.script, 'y', low, high);
	for (size_t env = 0; env < run->n_envs; env++) {
		if (!used[env])
			continue;
		(void)fprintf(plot.script,
			      "%s'order.tsv' index %zu using 1:2 with points pt %d ps 0.7 ", before,
			      env, style_point(env, 0));
		plot_colour(plot.script, style_env(env));
		before = ", \\\n  ";
	}
	(void)fprintf(plot.script, "\n");
	return plot_end(&plot, WIDTH, HEIGHT, err);
}
