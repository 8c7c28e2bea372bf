/* SPDX-License-Identifier: MIT */
/* One trial under limits, as the kernel that ran it saw it: what it used against the limit, and
 * when it was held back, of CPU, memory and disks. A row for each environment; a guest's has the
 * host's account of QEMU in the panel of its CPU. */
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

static json_t *series_by(const json_t *record, const char *who, const char *collector)
{
	return json_object_get(json_object_get(json_object_get(record, who), collector), "series");
}

static json_t *series_of(const json_t *record, const char *collector)
{
	return series_by(record, "collectors", collector);
}

const struct run_trial *plot_series_trial(const struct run *run, const struct run_cell *cell)
{
	static const char *const collectors[] = {"cpu", "memory", "io"};

	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *record = NULL;

		if (trial->superseded || trial->status == RUN_UNSUPPORTED ||
		    !(trial->has & RUN_HAS_SERIES))
			continue;
		record = run_record(trial);
		for (size_t c = 0; c < sizeof(collectors) / sizeof(collectors[0]); c++)
			if (json_array_size(
				    json_object_get(series_of(record, collectors[c]), "t_ns")) > 1)
				return trial;
	}
	return NULL;
}

static double at(const json_t *series, const char *key, size_t i)
{
	const json_t *value = json_array_get(json_object_get(series, key), i);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What a panel shows, and its blocks of data: a curve, and the times that are shaded; then the same
 * two of a guest's CPU as the host counts it. */
enum panel { CPU, MEMORY, IO, PANELS };
#define BLOCK_HOST ((size_t)2 * PANELS)
#define BLOCKS     (BLOCK_HOST + 2)

static const struct {
	const char *collector, *title;
} panel_of[PANELS] = {
	[CPU] = {"cpu", "CPU, cores"},
	[MEMORY] = {"memory", "memory, MiB"},
	[IO] = {"io", "disk, MiB/s"},
};

/* Of the counters that are added up, what is used in a second; scale: into the panel's unit. */
static double rate(const json_t *series, const char *const keys[2], size_t from, size_t to,
		   double scale)
{
	double step = at(series, "t_ns", to) - at(series, "t_ns", from), sum = 0;

	for (size_t k = 0; k < 2 && keys[k]; k++)
		sum += at(series, keys[k], to) - at(series, keys[k], from);
	return step > 0 ? sum * scale / step : NAN;
}

/* t, the rate over the interval, the rate over the window. */
static double put_rates(const json_t *series, const char *const keys[2], double scale, FILE *data)
{
	size_t n = json_array_size(json_object_get(series, "t_ns")), from = 0;
	double begin = at(series, "t_ns", 0), most = 0;

	/* gnuplot does not count a block without a line. */
	(void)fprintf(data, "0\tNaN\tNaN\n");
	for (size_t i = 1; i < n; i++) {
		double t = at(series, "t_ns", i), now = rate(series, keys, i - 1, i, scale);

		while (from + 1 < i && t - at(series, "t_ns", from + 1) >= (double)WINDOW_NS)
			from++;
		if (!isfinite(now))
			continue;
		(void)fprintf(data, "%.6f\t%.6g\t%.6g\n", t / 1e9, now,
			      t - begin < (double)WINDOW_NS ? NAN
							    : rate(series, keys, from, i, scale));
		most = fmax(most, now);
	}
	(void)fprintf(data, "\n\n");
	return most;
}

static void put_time(FILE *data, double from, double to)
{
	if (to > from)
		(void)fprintf(data, "%.6f\t1e6\t%.6f\n", (from + to) / 2e9, (to - from) / 1e9);
}

/* Middle and width of the times in which the counter grew by at least that share of them; share 0:
 * in which it grew. Intervals that follow each other are one time. */
static void put_shade(const json_t *series, const char *key, double share, FILE *data)
{
	size_t n = json_array_size(json_object_get(series, "t_ns"));
	double from = 0, to = 0;

	(void)fprintf(data, "0\tNaN\t0\n");
	for (size_t i = 0; i < n; i++) {
		double t = at(series, "t_ns", i), before = i ? at(series, "t_ns", i - 1) : 0;
		double grown = at(series, key, i) - (i ? at(series, key, i - 1) : 0);

		if (!(t > before && grown > 0 && grown * NS_PER_US >= share * (t - before)))
			continue;
		if (before > to) {
			put_time(data, from, to);
			from = before;
		}
		to = t;
	}
	put_time(data, from, to);
	(void)fprintf(data, "\n\n");
}

static double put_memory(const json_t *series, FILE *data)
{
	size_t n = json_array_size(json_object_get(series, "t_ns"));
	double most = 0;

	(void)fprintf(data, "0\tNaN\tNaN\n");
	for (size_t i = 0; i < n; i++) {
		double mib = at(series, "current", i) / (1 << 20);

		if (isfinite(mib))
			(void)fprintf(data, "%.6f\tNaN\t%.6g\n", at(series, "t_ns", i) / 1e9, mib);
		most = fmax(most, isfinite(mib) ? mib : 0);
	}
	(void)fprintf(data, "\n\n");
	return most;
}

struct panels {
	size_t n_rows, n_columns, row;
	bool shown[PANELS];
	double limit[PANELS], most[PANELS]; /* 0: none */
	double end_s;
};

/* The row's environment over its first panel, and over each what it shows and the limit, where no
 * curve passes. */
static void put_titles(FILE *s, const char *env, const char *title, double limit)
{
	(void)fprintf(s, "unset arrow\nunset label\n");
	if (*env) {
		(void)fprintf(s, "set label 1 ");
		plot_quote(s, env);
		(void)fprintf(s,
			      " at graph 0, graph 1 left offset 0,1.9 textcolor rgb '#222222'\n");
	}
	(void)fprintf(s,
		      "set label 2 '%s' at graph 0, graph 1 left offset 0,0.6 "
		      "textcolor rgb '#5c5c5c'\n",
		      title);
	if (!(limit > 0))
		return;
	(void)fprintf(s,
		      "set arrow 1 from graph 0, first %.9g to graph 1, first %.9g nohead lw 1.5 ",
		      limit, limit);
	plot_colour(s, "limit");
	(void)fprintf(s,
		      " front\nset label 3 'limit %.4g' at graph 1, graph 1 right offset 0,0.6 "
		      "textcolor rgb '#cc0033'\n",
		      limit);
}

/* A round step that gives about four ticks. */
static double tick_of(double top)
{
	double step = pow(10, floor(log10(fmax(top, 1e-3) / 4)));

	while (top / step > 5)
		step *= top / step > 10 ? 5 : 2;
	return step;
}

static int height_of(size_t n_rows)
{
	return 40 + 176 * (int)n_rows;
}

static void put_place(FILE *s, const struct panels *p, size_t column, enum panel panel)
{
	double height = 0.90 / (double)p->n_rows, top = 0.97 - (double)p->row * height;
	double wide = 0.95 / (double)p->n_columns, left = 0.07 + wide * (double)column;
	double high = 1.25 * fmax(fmax(p->most[panel], p->limit[panel]), 1e-3);

	(void)fprintf(s,
		      "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
		      "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		      "set xrange [0:%.6g]\nset yrange [0:%.6g]\nset ytics %.3g\n",
		      left, left + wide - 0.06, top - 46.0 / height_of(p->n_rows),
		      top - height + 34.0 / height_of(p->n_rows), p->end_s, high, tick_of(high));
	(void)fprintf(s, "set xlabel %s offset 0,0.5\n",
		      p->row + 1 == p->n_rows ? "'seconds'" : "''");
}

/* Behind the guest's own account; blocks without figures draw nothing. */
static void put_host(FILE *s, const char *name, size_t block)
{
	(void)fprintf(s, "'%s.tsv' index %zu using 1:2:3 with boxes ", name, block + 1);
	plot_colour(s, "cold");
	(void)fprintf(s, " notitle, \\\n  '' index %zu using 1:3 with lines lw 1.6 dt 2 ", block);
	plot_colour(s, "soft");
	(void)fprintf(s, " notitle, \\\n  ");
}

static void put_panels(const struct run *run, const struct plot *plot, const struct panels *p,
		       const struct run_cell *cell)
{
	FILE *s = plot->script;
	size_t column = 0;

	for (enum panel panel = 0; panel < PANELS; panel++) {
		size_t block = BLOCKS * p->row + 2 * (size_t)panel;

		if (!p->shown[panel])
			continue;
		put_titles(s, column == 0 ? run->envs[cell->env].shown : "", panel_of[panel].title,
			   p->limit[panel]);
		put_place(s, p, column++, panel);
		(void)fprintf(s, "set style fill solid 1 noborder\nplot ");
		if (panel == CPU)
			put_host(s, plot->name, BLOCKS * p->row + BLOCK_HOST);
		(void)fprintf(s, "'%s.tsv' index %zu using 1:2:3 with boxes ", plot->name,
			      block + 1);
		plot_colour(s, "shade");
		(void)fprintf(s, " notitle, \\\n  '' index %zu using 1:2 with fsteps lw 1 ", block);
		plot_colour(s, "rule");
		(void)fprintf(s, " notitle, \\\n  '' index %zu using 1:3 with lines lw 2.2 ",
			      block);
		plot_colour(s, style_env(cell->env));
		(void)fprintf(s, " notitle\n");
	}
}

static double first_rate(const json_t *limits, const char *flag)
{
	return json_double_or(json_array_get(json_object_get(limits, flag), 0), "rate", 0);
}

static void note_limits(struct panels *p, const json_t *limits)
{
	double memory = json_double_or(limits, "memory", json_double_or(limits, "memory-high", 0));
	double bps =
		fmax(first_rate(limits, "device-write-bps"), first_rate(limits, "device-read-bps"));

	p->limit[CPU] = fmax(p->limit[CPU], json_double_or(limits, "cpus", 0));
	p->limit[MEMORY] = fmax(p->limit[MEMORY], memory / (1 << 20));
	p->limit[IO] = fmax(p->limit[IO], bps / (1 << 20));
}

/* The account at the end of each period of the quota is sharper than that at each sample. */
static void put_trial(struct panels *p, const struct run_trial *trial, FILE *data)
{
	static const char *const used[2] = {"usage_us"}, *const moved[2] = {"rbytes", "wbytes"};
	cleanup_json json_t *record = run_record(trial);
	const json_t *host = series_by(record, "host_collectors", "cpu");
	const json_t *of[PANELS],
		*periods = json_object_get(
			json_object_get(json_object_get(record, "collectors"), "cpu"), "periods");

	for (enum panel panel = 0; panel < PANELS; panel++) {
		const json_t *t;

		of[panel] = series_of(record, panel_of[panel].collector);
		t = json_object_get(of[panel], "t_ns");
		p->end_s = fmax(p->end_s,
				json_number_value(json_array_get(t, json_array_size(t) - 1)) / 1e9);
	}
	p->most[CPU] = fmax(p->most[CPU], put_rates(of[CPU], used, NS_PER_US, data));
	put_shade(periods ? periods : of[CPU], "nr_throttled", 0, data);
	p->most[MEMORY] = fmax(p->most[MEMORY], put_memory(of[MEMORY], data));
	put_shade(of[MEMORY], "some_us", 0.5, data);
	p->most[IO] = fmax(p->most[IO], put_rates(of[IO], moved, 1e9 / (1 << 20), data));
	put_shade(of[IO], "held_us", 0.5, data);
	p->most[CPU] = fmax(p->most[CPU], put_rates(host, used, NS_PER_US, data));
	put_shade(host, "nr_throttled", 0, data);
}

/* Limits and extents over all environments, so that all rows have one scale. */
static struct panels survey(const struct run *run, size_t first, FILE *data)
{
	struct panels p = {.end_s = 1e-3};

	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);
		const struct run_trial *trial = cell ? plot_series_trial(run, cell) : NULL;

		if (!trial)
			continue;
		note_limits(&p, run_asked(trial, "limits"));
		put_trial(&p, trial, data);
		p.n_rows++;
	}
	for (enum panel panel = 0; panel < PANELS; panel++) {
		p.shown[panel] = p.limit[panel] > 0;
		p.n_columns += p.shown[panel];
	}
	if (p.n_columns == 0) {
		p.shown[CPU] = true;
		p.n_columns = 1;
	}
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
	(void)fprintf(plot.script,
		      "set multiplot\nset style textbox opaque noborder margins 0.4,0.2 "
		      "fillcolor rgb '#ffffff'\n");
	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *cell = run_find_cell(run, &run->cells[first], env);

		if (!cell || !plot_series_trial(run, cell))
			continue;
		put_panels(run, &plot, &p, cell);
		p.row++;
	}
	(void)fprintf(plot.script, "unset multiplot\n");
	return plot_end(&plot, 860, height_of(p.n_rows), err);
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
