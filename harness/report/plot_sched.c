/* SPDX-License-Identifier: MIT */
/* What the collector sched saw of a load in each environment: why its tasks were off the CPU, as
 * stacked shares of that time, and beside it how long they waited in the run queue, as an ECDF. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "report/plot.h"
#include "report/sched.h"
#include "report/style.h"

#define WIDTH       860
/* The run queue's clock goes by steps: what is shorter is as good as nothing, and left of the axis.
 */
#define SHORTEST_NS 100.0

/* Of sched_causes. */
static const struct {
	const char *shown, *colour;
} causes[SCHED_N_CAUSES] = {
	{"throttled", "cause0"}, {"waits for memory", "cause1"}, {"waits for a disk", "cause2"},
	{"preempted", "cause3"}, {"sleeps", "cause4"},
};

bool plot_begins_sched(const struct run *run, size_t cell)
{
	bool any = false;

	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *like = run_find_cell(run, &run->cells[cell], env);

		any |= like && sched_watched(run, like);
	}
	return any && run_is_first_of_set(run, cell);
}

/* The shares' corners: x from, x to, y. */
static void put_shares(const struct sched *sched, size_t row, FILE *data)
{
	double from = 0;

	for (size_t i = 0; i < SCHED_N_CAUSES; i++) {
		double to =
			from + (sched->off_all_ns > 0 ? sched->off_ns[i] / sched->off_all_ns : 0);

		(void)fprintf(data, "%.6f\t%.6f\t%zu\n", from, to, row);
		from = to;
	}
	(void)fprintf(data, "\n\n");
}

static void put_queue(const struct histogram *h, FILE *data, double range[2])
{
	(void)fprintf(data, "1\tNaN\n");
	for (unsigned int b = 0; b < LOGLIN_BUCKETS; b++) {
		double upper = (double)loglin_lower(b + 1);

		if (!h->bucket[b])
			continue;
		range[0] = fmin(range[0], fmax((double)loglin_lower(b), SHORTEST_NS));
		range[1] = fmax(range[1], upper);
		(void)fprintf(data, "%.9g\t%.9g\n", upper, histogram_share(h, b));
	}
	(void)fprintf(data, "\n\n");
}

static void put_legend(FILE *s, int height)
{
	double x = 90;

	for (size_t i = 0; i < SCHED_N_CAUSES; i++) {
		(void)fprintf(s,
			      "set label %zu '%s' at screen %.4f, screen %.4f left offset 1.2,0 "
			      "point pt 5 ps 1.3 ",
			      100 + i, causes[i].shown, x / WIDTH, 1 - 14.0 / height);
		plot_colour(s, causes[i].colour);
		(void)fprintf(s, " textcolor rgb '#222222'\n");
		x += 38 + 8.8 * (double)strlen(causes[i].shown);
	}
}

static void put_env(FILE *s, const struct run_env *env)
{
	char text[RUN_NAME_MAX + 16];

	(void)snprintf(text, sizeof(text), "%s%s", env->label, plot_apart(env));
	plot_quote(s, text);
}

static void put_shares_panel(FILE *s, const struct run *run, const struct run_cell *const *cells,
			     size_t n, size_t rows, const struct plot *plot, int height)
{
	(void)fprintf(
		s,
		"set lmargin at screen 0.22\nset rmargin at screen 0.53\n"
		"set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		"set title 'share of the time off the CPU' offset 0,-0.3\n"
		"set xrange [0:1]\nset yrange [%zu.6:-0.6]\n"
		"set xtics ('0' 0, '25 %%%%' 0.25, '50 %%%%' 0.5, '75 %%%%' 0.75, '100 %%%%' 1)\n"
		"set ytics (",
		1 - 58.0 / height, (46.0 + 20.0 * (double)rows) / height, n - 1);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(s, "%s", i ? ", " : "");
		put_env(s, &run->envs[cells[i]->env]);
		(void)fprintf(s, " %zu", i);
	}
	(void)fprintf(s, ")\nset style fill solid 1 noborder\nplot ");
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < SCHED_N_CAUSES; c++) {
			(void)fprintf(s,
				      "%s'%s.tsv' index %zu every ::%zu::%zu using "
				      "(($1+$2)/2):3:1:2:($3-0.32):($3+0.32) with boxxyerrorbars ",
				      i || c ? ", \\\n  " : "", plot->name, 2 * i, c, c);
			plot_colour(s, causes[c].colour);
			(void)fprintf(s, " notitle");
		}
	}
	(void)fprintf(s, "\n");
}

/* The columns of the key, which is below both panels: the curves go anywhere. */
struct key {
	size_t wide, per_row, rows; /* px, entries */
};

static struct key lay_key(const struct run *run, const struct run_cell *const *cells, size_t n)
{
	struct key key = {.wide = 60};

	for (size_t i = 0; i < n; i++) {
		const struct run_env *env = &run->envs[cells[i]->env];
		size_t wide = 45 + 9 * (strlen(env->label) + strlen(plot_apart(env)));

		key.wide = wide > key.wide ? wide : key.wide;
	}
	key.per_row = key.wide < WIDTH - 90 ? (WIDTH - 90) / key.wide : 1;
	key.rows = (n + key.per_row - 1) / key.per_row;
	return key;
}

static void put_key(FILE *s, const struct run *run, const struct run_cell *const *cells, size_t n,
		    const struct key *key, int height)
{
	for (size_t i = 0; i < n; i++) {
		size_t row = key->rows - 1 - i / key->per_row;

		(void)fprintf(s, "set label %zu ", 200 + i);
		put_env(s, &run->envs[cells[i]->env]);
		(void)fprintf(s,
			      " at screen %.4f, screen %.4f left offset 1.2,0 point pt 5 ps 1.3 ",
			      (double)(90 + key->wide * (i % key->per_row)) / WIDTH,
			      (14.0 + 20.0 * (double)row) / height);
		plot_colour(s, style_env(cells[i]->env));
		(void)fprintf(s, " textcolor rgb '#222222'\n");
	}
}

static void put_queue_panel(FILE *s, const struct run_cell *const *cells, size_t n,
			    const struct plot *plot, const double range[2])
{
	(void)fprintf(s,
		      "set lmargin at screen 0.63\nset rmargin at screen 0.97\n"
		      "set title 'waits in the run queue not longer' offset 0,-0.3\n"
		      "set logscale x\nset yrange [0:1]\nset ytics 0.25\nset xrange [%.9g:%.9g]\n"
		      "unset key\n",
		      range[0] / 1.1, range[1] * 1.1);
	plot_time_ticks(s, 'x', range[0] / 1.1, range[1] * 1.1);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(s, "%s'%s.tsv' index %zu using 1:2 with steps lw 2 ",
			      i ? ", \\\n  " : "plot ", plot->name, 2 * i + 1);
		plot_colour(s, style_env(cells[i]->env));
		(void)fprintf(s, " notitle");
	}
	(void)fprintf(s, "\n");
}

/* The cell's trials together. */
static int put_cell(const struct run *run, const struct run_cell *cell, size_t row, FILE *data,
		    double range[2], struct tare_err *err)
{
	cleanup_free struct sched *sched = calloc(1, sizeof(*sched));
	int r;

	if (!sched)
		return err_set(err, ENOMEM, "out of memory");
	r = sched_merge(run, cell, sched, err);
	if (r < 0)
		return r;
	put_shares(sched, row, data);
	put_queue(&sched->queue, data, range);
	return 0;
}

static int plot_set(const char *dir, const struct run *run, size_t first, struct tare_err *err)
{
	cleanup_free const struct run_cell **cells = calloc(run->n_envs, sizeof(struct run_cell *));
	double range[2] = {1e18, 10};
	struct plot plot;
	struct key key;
	char name[32];
	size_t n = 0;
	int r, height;

	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	plot_set_name("sched", first, name, sizeof(name));
	r = plot_begin(dir, name, &plot, err);
	for (size_t env = 0; r == 0 && env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);

		if (!cell || !sched_watched(run, cell))
			continue;
		r = put_cell(run, cell, n, plot.data, range, err);
		cells[n++] = cell;
	}
	if (r < 0) {
		plot_drop(&plot);
		return r;
	}
	key = lay_key(run, cells, n);
	height = 215 + 34 * (int)n + 20 * (int)key.rows;
	range[0] = fmin(range[0], range[1] / 10);
	(void)fprintf(plot.script, "set multiplot\n");
	put_legend(plot.script, height);
	put_shares_panel(plot.script, run, cells, n, key.rows, &plot, height);
	for (size_t i = 0; i < SCHED_N_CAUSES; i++)
		(void)fprintf(plot.script, "unset label %zu\n", 100 + i);
	put_key(plot.script, run, cells, n, &key, height);
	put_queue_panel(plot.script, cells, n, &plot, range);
	(void)fprintf(plot.script, "unset multiplot\n");
	return plot_end(&plot, WIDTH, height, err);
}

int plot_scheds(const char *dir, const struct run *run, struct tare_err *err)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		int r = plot_begins_sched(run, i) ? plot_set(dir, run, i, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
