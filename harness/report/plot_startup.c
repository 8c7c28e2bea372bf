/* SPDX-License-Identifier: MIT */
/* How long environments take to start: a dot a round and the interval, on a log axis. No bars:
 * on a log axis they would have no honest zero. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"

#define DOTS_MAX 400 /* of a row: more do not fit */

static const char *words_of(const json_t *row)
{
	const char *what = json_string_or(row, "what", "");

	if (strcmp(what, "boot-cold") == 0)
		return "cold boot";
	return strcmp(what, "boot-restored") == 0 ? "restored" : "box ready";
}

static void put_row(const json_t *row, double y, FILE *data, double *low, double *high)
{
	const json_t *values = json_object_get(row, "values_ns"), *ci = json_object_get(row, "ci");
	size_t n = json_array_size(values), skip = n / DOTS_MAX + 1;
	double median = json_double_or(row, "median_ns", NAN);

	for (size_t i = 0; i < n; i += skip) {
		double x = json_number_value(json_array_get(values, i));

		*low = fmin(*low, x);
		*high = fmax(*high, x);
		(void)fprintf(data, "%.4f\t%.9g\tNaN\tNaN\n", y - 0.16, x);
	}
	(void)fprintf(data, "\n\n%.4f\t%.9g\t%.9g\t%.9g\n\n\n", y + 0.08, median,
		      json_is_array(ci) ? json_number_value(json_array_get(ci, 0)) : median,
		      json_is_array(ci) ? json_number_value(json_array_get(ci, 1)) : median);
}

static void put_script(const struct run *run, const json_t *rows, FILE *s)
{
	size_t n = json_array_size(rows), i;
	json_t *row;

	(void)fprintf(s, "set ytics (");
	json_array_foreach(rows, i, row)
	{
		const struct run_env *env = &run->envs[plot_env_of(run, row)];
		char label[RUN_NAME_MAX + 80];

		(void)snprintf(label, sizeof(label), "%s: %s%s", env->label, words_of(row),
			       plot_apart(env));
		(void)fprintf(s, "%s", i ? ", " : "");
		plot_quote(s, label);
		(void)fprintf(s, " %zu", n - i);
	}
	(void)fprintf(s, ")\nplot ");
	json_array_foreach(rows, i, row)
	{
		size_t env = plot_env_of(run, row);

		(void)fprintf(s, "%s'startup.tsv' index %zu using 2:1 with points pt 6 ps 0.5 ",
			      i ? ", \\\n  " : "", 2 * i);
		plot_colour(s, style_env(env));
		(void)fprintf(s, ", '' index %zu using 2:1:3:4 with xerrorbars pt %d ps 1 lw 1.8 ",
			      2 * i + 1, style_point(env, 1));
		plot_colour(s, style_env(env));
	}
	(void)fprintf(s, "\n");
}

int plot_startup(const char *dir, const struct run *run, const json_t *summary,
		 struct tare_err *err)
{
	const json_t *rows = json_object_get(summary, "startup");
	size_t n = json_array_size(rows), i;
	double low = 1e18, high = 0;
	struct plot plot;
	json_t *row;
	int r;

	if (n == 0)
		return 0;
	r = plot_begin(dir, "startup", &plot, err);
	if (r < 0)
		return r;
	json_array_foreach(rows, i, row) put_row(row, (double)(n - i), plot.data, &low, &high);
	(void)fprintf(plot.script,
		      "set logscale x\nset xrange [%.9g:%.9g]\nset yrange [0.4:%zu.6]\n"
		      "set lmargin at screen 0.34\nset rmargin at screen 0.97\n"
		      "set title 'time from asked for to ready' offset 0,-0.3\n",
		      low / 1.3, high * 1.3, n);
	plot_time_ticks(plot.script, 'x', low / 1.3, high * 1.3);
	put_script(run, rows, plot.script);
	return plot_end(&plot, 860, 80 + 38 * (int)n, err);
}
