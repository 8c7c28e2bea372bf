/* SPDX-License-Identifier: MIT */
/* The waterfall of a ladder: what each step adds, from where the one before left off, with its
 * interval; the whole, measured directly, beside it. One picture a load. Steps into an emulated
 * guest, or one of User-Mode Linux, are not drawn: their scale is another, and the table has them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"

#define WIDTH  860
#define HEIGHT 400
#define STEPS  62

struct fall {
	const json_t *climb;
	size_t n; /* steps that are drawn */
	double low, high;
};

static double bound(const json_t *object, const char *key, size_t side)
{
	const json_t *ci = json_array_get(json_object_get(object, "ci"), side);

	return ci ? json_number_value(ci) : json_double_or(object, key, NAN);
}

static double percent(double ratio)
{
	return 100 * (ratio - 1);
}

static bool is_drawn(const json_t *step)
{
	const char *accel = json_string_or(step, "accel", "");

	return strcmp(accel, "tcg") != 0 && strcmp(accel, "uml") != 0;
}

static void see(struct fall *f, double value)
{
	f->low = fmin(f->low, value);
	f->high = fmax(f->high, value);
}

/* place, from, to, low and high in percent of the first; block 0: dearer, 1: cheaper, 2: the
 * interval holds 1, 3: the whole. */
static void put_data(struct fall *f, FILE *data)
{
	const json_t *whole = json_object_get(f->climb, "whole");
	json_t *step;
	size_t i;

	for (int block = 0; block < 4; block++) {
		double level = 1;

		(void)fprintf(data, "# place\tfrom\tto\tlow\thigh\n0\tNaN\tNaN\tNaN\tNaN\n");
		f->n = 0;
		json_array_foreach(json_object_get(f->climb, "steps"), i, step)
		{
			double ratio = json_double_or(step, "ratio", NAN), before = level;
			double after =
				json_double_or(json_object_get(step, "height"), "ratio", NAN);
			double low = bound(step, "ratio", 0), high = bound(step, "ratio", 1);
			int kind =
				json_is_null(json_object_get(step, "ci")) || (low <= 1 && high >= 1)
					? 2
					: ratio < 1;

			if (!is_drawn(step) || f->n == STEPS)
				continue;
			f->n++;
			level = after;
			see(f, percent(before * low));
			see(f, percent(before * high));
			if (kind == block)
				(void)fprintf(data, "%zu\t%.6g\t%.6g\t%.6g\t%.6g\n", f->n,
					      percent(before), percent(level),
					      percent(before * low), percent(before * high));
		}
		if (block == 3)
			(void)fprintf(data, "%zu\t0\t%.6g\t%.6g\t%.6g\n", f->n + 1,
				      percent(json_double_or(whole, "ratio", NAN)),
				      percent(bound(whole, "ratio", 0)),
				      percent(bound(whole, "ratio", 1)));
		(void)fprintf(data, "\n\n");
	}
	see(f, percent(bound(whole, "ratio", 0)));
	see(f, percent(bound(whole, "ratio", 1)));
}

static void put_labels(const struct fall *f, FILE *script)
{
	json_t *step;
	size_t i, at = 0;

	(void)fprintf(script, "set xtics rotate by 40 right (");
	json_array_foreach(json_object_get(f->climb, "steps"), i, step)
	{
		char label[160];

		if (!is_drawn(step) || at == STEPS)
			continue;
		(void)snprintf(label, sizeof(label), "+ %.100s", json_string_or(step, "env", "?"));
		plot_quote(script, label);
		(void)fprintf(script, " %zu, ", ++at);
	}
	plot_quote(script, "whole, direct");
	(void)fprintf(script, " %zu)\n", f->n + 1);
}

static void put_script(const struct fall *f, const char *name, FILE *script)
{
	static const char *const colours[] = {"env2", "env3", "rule", "env1"};
	double room = fmax(0.5, 0.08 * (f->high - f->low));
	char above[80];

	(void)fprintf(script,
		      "set yrange [%.6g:%.6g]\nset xrange [0.3:%.1f]\nset boxwidth 0.7\n"
		      "set bmargin 5.5\nset rmargin 3\nunset grid\nset pointintervalbox 0\n"
		      "set ylabel ",
		      f->low - room, f->high + room, (double)f->n + 1.7);
	(void)snprintf(above, sizeof(above), "%% above %.60s",
		       json_string_or(f->climb, "first", "?"));
	plot_quote(script, above);
	(void)fprintf(script, "\n");
	put_labels(f, script);
	(void)fprintf(script, "set title ");
	plot_quote(script, json_string_or(f->climb, "load", ""));
	(void)fprintf(script,
		      " offset 0,-0.3\nset arrow 1 from 0.3, first 0 to %.1f, first 0 nohead ",
		      (double)f->n + 1.7);
	plot_colour(script, "ink");
	(void)fprintf(script, " back\nplot ");
	for (int block = 0; block < 4; block++) {
		(void)fprintf(script,
			      "%s'%s.tsv' index %d using 1:(($2+$3)/2):($1-0.36):($1+0.36):2:3 "
			      "with boxxyerror fillstyle solid 0.75 noborder ",
			      block ? ", \\\n  " : "", name, block);
		plot_colour(script, colours[block]);
		(void)fprintf(
			script,
			", \\\n  '' index %d using 1:3:4:5 with yerrorbars pt 7 ps 0.35 lw 1.4 ",
			block);
		plot_colour(script, "ink");
	}
	(void)fprintf(script, "\n");
}

static int plot_climb(const char *dir, size_t at, const json_t *climb, struct tare_err *err)
{
	struct fall f = {.climb = climb};
	struct plot plot;
	char name[32];
	int r;

	plot_set_name("ladder", at, name, sizeof(name));
	r = plot_begin(dir, name, &plot, err);
	if (r < 0)
		return r;
	put_data(&f, plot.data);
	if (f.n == 0 || !isfinite(f.low) || !isfinite(f.high)) {
		plot_drop(&plot);
		return 0;
	}
	put_script(&f, name, plot.script);
	return plot_end(&plot, WIDTH, HEIGHT, err);
}

int plot_ladder(const char *dir, const json_t *summary, struct tare_err *err)
{
	json_t *climb;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(summary, "ladder"), i, climb)
	{
		r = plot_climb(dir, i, climb, err);
		if (r < 0)
			return r;
	}
	return 0;
}
