/* SPDX-License-Identifier: MIT */
/* One trial under limits, as the kernel that ran it saw it: CPU time taken against the quota,
 * where it was throttled, and memory against its limit. A row for each environment; a guest's has
 * the host's account of QEMU in the same panel. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"

/* The bold line is the use over this long: five periods of a quota. */
#define WINDOW_NS (500 * NS_PER_MS)
/* Of the data, a row of panels: the load's CPU, the host's account of the guest's, memory. */
enum { BLOCK_CPU, BLOCK_HOST, BLOCK_MEMORY, N_BLOCKS };

static json_t *series_by(const struct run_trial *trial, const char *who, const char *collector)
{
	return json_object_get(json_object_get(json_object_get(trial->record, who), collector),
			       "series");
}

static json_t *series_of(const struct run_trial *trial, const char *collector)
{
	return series_by(trial, "collectors", collector);
}

const struct run_trial *plot_series_trial(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (!trial->superseded && trial->status != RUN_UNSUPPORTED &&
		    (json_array_size(json_object_get(series_of(trial, "cpu"), "t_ns")) > 1 ||
		     json_array_size(json_object_get(series_of(trial, "memory"), "t_ns")) > 1))
			return trial;
	}
	return NULL;
}

static double at(const json_t *series, const char *key, size_t i)
{
	const json_t *value = json_array_get(json_object_get(series, key), i);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* t, cores over the interval, cores over the window, 1 where the interval was throttled. */
static double put_cpu(const json_t *series, FILE *data)
{
	size_t n = json_array_size(json_object_get(series, "t_ns")), from = 0;
	double begin = at(series, "t_ns", 0), most = 0;

	/* gnuplot does not count a block without a line. */
	(void)fprintf(data, "0\tNaN\tNaN\t0\t0\n");
	for (size_t i = 1; i < n; i++) {
		double t = at(series, "t_ns", i), step = t - at(series, "t_ns", i - 1);
		double used = at(series, "usage_us", i);
		double cores = (used - at(series, "usage_us", i - 1)) * NS_PER_US / step;
		double late = at(series, "nr_throttled", i) - at(series, "nr_throttled", i - 1);

		while (from + 1 < i && t - at(series, "t_ns", from + 1) >= (double)WINDOW_NS)
			from++;
		if (!(step > 0) || !isfinite(cores))
			continue;
		(void)fprintf(data, "%.6f\t%.6g\t%.6g\t%d\t%.6f\n", t / 1e9, cores,
			      t - begin < (double)WINDOW_NS
				      ? NAN
				      : (used - at(series, "usage_us", from)) * NS_PER_US /
						(t - at(series, "t_ns", from)),
			      late > 0, step / 1e9);
		most = fmax(most, cores);
	}
	(void)fprintf(data, "\n\n");
	return most;
}

static double put_memory(const json_t *series, FILE *data)
{
	size_t n = json_array_size(json_object_get(series, "t_ns"));
	double most = 0;

	(void)fprintf(data, "0\tNaN\n");
	for (size_t i = 0; i < n; i++) {
		double mib = at(series, "current", i) / (1 << 20);

		if (isfinite(mib))
			(void)fprintf(data, "%.6f\t%.6g\n", at(series, "t_ns", i) / 1e9, mib);
		most = fmax(most, isfinite(mib) ? mib : 0);
	}
	(void)fprintf(data, "\n\n");
	return most;
}

struct panels {
	size_t n_rows, n_columns, row;
	double cpu_limit, memory_limit; /* cores, MiB; 0: none */
	double end_s, cpu_most, memory_most;
};

static void put_limit(FILE *s, double limit, const char *unit)
{
	(void)fprintf(s, "unset arrow\nunset label\n");
	if (!(limit > 0))
		return;
	(void)fprintf(s,
		      "set arrow 1 from graph 0, first %.9g to graph 1, first %.9g nohead lw 1.5 ",
		      limit, limit);
	plot_colour(s, "limit");
	(void)fprintf(s,
		      " front\nset label 1 'limit %.4g %s' at graph 0.995, first %.9g right offset "
		      "0,0.6 textcolor rgb '#cc0033' front\n",
		      limit, unit, limit);
}

/* A round step that gives about four ticks. */
static double tick_of(double top)
{
	double step = pow(10, floor(log10(fmax(top, 1e-3) / 4)));

	while (top / step > 5)
		step *= top / step > 10 ? 5 : 2;
	return step;
}

static void put_place(FILE *s, const struct panels *p, size_t column, double most, double limit)
{
	double height = 0.90 / (double)p->n_rows, top = 0.97 - (double)p->row * height;
	double left = p->n_columns == 1 ? 0.08 : 0.08 + 0.5 * (double)column;

	(void)fprintf(s,
		      "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
		      "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		      "set xrange [0:%.6g]\nset yrange [0:%.6g]\nset ytics %.3g\n",
		      left, p->n_columns == 1 ? 0.97 : left + 0.39,
		      top - 30.0 / (40 + 150 * (double)p->n_rows),
		      top - height + 34.0 / (40 + 150 * (double)p->n_rows), p->end_s,
		      1.25 * fmax(fmax(most, limit), 1e-3), tick_of(1.25 * fmax(most, limit)));
	(void)fprintf(s, "set xlabel %s offset 0,0.5\n",
		      p->row + 1 == p->n_rows ? "'seconds'" : "''");
}

/* Throttled intervals behind all, the host's first; a block without figures draws nothing. */
static void put_cpu_curves(FILE *s, const char *name, size_t row, const char *colour)
{
	size_t own = N_BLOCKS * row + BLOCK_CPU, host = N_BLOCKS * row + BLOCK_HOST;

	(void)fprintf(s,
		      "set style fill solid 1 noborder\nplot '%s.tsv' index %zu "
		      "using ($1-$5/2):($4>0?1e6:NaN):5 with boxes lc rgb '#d9e6f2' notitle, "
		      "\\\n  '' index %zu using ($1-$5/2):($4>0?1e6:NaN):5 with boxes lc rgb "
		      "'#f6e3d2' notitle, "
		      "\\\n  '' index %zu using 1:2 with fsteps lw 1 lc rgb '#9a9a9a' notitle, "
		      "\\\n  '' index %zu using 1:3 with lines lw 1.6 dt 2 lc rgb '#5c5c5c' "
		      "notitle, \\\n  '' index %zu using 1:3 with lines lw 2.2 ",
		      name, host, own, own, host, own);
	plot_colour(s, colour);
	(void)fprintf(s, " notitle\n");
}

static void put_panels(const struct run *run, const struct plot *plot, const struct panels *p,
		       const struct run_cell *cell)
{
	FILE *s = plot->script;
	char title[RUN_NAME_MAX + 192];
	size_t column = 0;

	if (p->cpu_limit > 0 || p->memory_limit == 0) {
		(void)snprintf(title, sizeof(title), "%s: CPU, cores", run->envs[cell->env].shown);
		put_place(s, p, column++, p->cpu_most, p->cpu_limit);
		put_limit(s, p->cpu_limit, "CPU");
		(void)fprintf(s, "set title ");
		plot_quote(s, title);
		(void)fprintf(s, " offset 0,-0.5\n");
		put_cpu_curves(s, plot->name, p->row, style_env(cell->env));
	}
	if (p->memory_limit > 0) {
		(void)snprintf(title, sizeof(title), "%s: memory, MiB", run->envs[cell->env].shown);
		put_place(s, p, column, p->memory_most, p->memory_limit);
		put_limit(s, p->memory_limit, "MiB");
		(void)fprintf(s, "set title ");
		plot_quote(s, title);
		(void)fprintf(
			s, " offset 0,-0.5\nplot '%s.tsv' index %zu using 1:2 with lines lw 2.2 ",
			plot->name, N_BLOCKS * p->row + BLOCK_MEMORY);
		plot_colour(s, style_env(cell->env));
		(void)fprintf(s, " notitle\n");
	}
}

/* Limits and extents over all environments, so that all rows have one scale. */
static struct panels survey(const struct run *run, size_t first, FILE *data)
{
	struct panels p = {.end_s = 1e-3};

	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);
		const struct run_trial *trial = cell ? plot_series_trial(run, cell) : NULL;
		const json_t *limits, *cpu, *memory;

		if (!trial)
			continue;
		limits = json_object_get(json_object_get(trial->record, "trial"), "limits");
		p.cpu_limit = fmax(p.cpu_limit, json_double_or(limits, "cpus", 0));
		p.memory_limit =
			fmax(p.memory_limit, json_double_or(limits, "memory", 0) / (1 << 20));
		cpu = series_of(trial, "cpu");
		memory = series_of(trial, "memory");
		p.cpu_most = fmax(p.cpu_most, put_cpu(cpu, data));
		p.cpu_most =
			fmax(p.cpu_most, put_cpu(series_by(trial, "host_collectors", "cpu"), data));
		p.memory_most = fmax(p.memory_most, put_memory(memory, data));
		for (int i = 0; i < 2; i++) {
			const json_t *t = json_object_get(i ? memory : cpu, "t_ns");
			double last = json_number_value(json_array_get(t, json_array_size(t) - 1));

			p.end_s = fmax(p.end_s, last / 1e9);
		}
		p.n_rows++;
	}
	p.n_columns = p.memory_limit > 0 && p.cpu_limit > 0 ? 2 : 1;
	return p;
}

static int plot_set(const char *dir, const struct run *run, size_t first, struct tare_err *err)
{
	struct panels p;
	struct plot plot;
	char name[32];
	int r;

	plot_set_name("throttle", first, name, sizeof(name));
	r = plot_begin(dir, name, &plot, err);
	if (r < 0)
		return r;
	p = survey(run, first, plot.data);
	if (p.n_rows == 0) {
		plot_drop(&plot);
		return 0;
	}
	(void)fprintf(plot.script, "set multiplot\n");
	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);

		if (!cell || !plot_series_trial(run, cell))
			continue;
		put_panels(run, &plot, &p, cell);
		p.row++;
	}
	(void)fprintf(plot.script, "unset multiplot\n");
	return plot_end(&plot, 860, 40 + 150 * (int)p.n_rows, err);
}

int plot_throttles(const char *dir, const struct run *run, struct tare_err *err)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		int r = 0;

		if (run_is_first_of_set(run, i))
			r = plot_set(dir, run, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}
