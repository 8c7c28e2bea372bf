/* SPDX-License-Identifier: MIT */
/* The forest plot: the ratio of each environment and load, with its interval, on a log axis.
 * Emulated environments and those of User-Mode Linux have a panel of their own: their scale is
 * another, and so is what they say. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"

#define ROWS_MAX 200
#define WIDTH    860

struct forest {
	const struct run *run;
	const json_t *ratios;
	const json_t *rows[ROWS_MAX]; /* one ratio of each row, for its label */
	size_t n_rows, n_panel[2];
	double low[2], high[2]; /* of each panel: measured, apart */
	bool used[RUN_ENVS_MAX];
};

static bool is_central(const json_t *ratio)
{
	return strcmp(json_string_or(ratio, "metric", ""), "ns_per_op") == 0;
}

static bool same_row(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"group", "load", "params", "mode"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(json_string_or(a, keys[i], ""), json_string_or(b, keys[i], "")) != 0)
			return false;
	}
	return true;
}

static size_t row_of(struct forest *f, const json_t *ratio)
{
	size_t row = 0;

	while (row < f->n_rows && !same_row(f->rows[row], ratio))
		row++;
	if (row == f->n_rows && row < ROWS_MAX)
		f->rows[f->n_rows++] = ratio;
	return row;
}

static size_t env_of(const struct run *run, const json_t *ratio)
{
	size_t env = 0;

	while (env < run->n_envs &&
	       strcmp(run->envs[env].label, json_string_or(ratio, "env", "")) != 0)
		env++;
	return env;
}

static double bound(const json_t *ratio, size_t side)
{
	const json_t *value = json_array_get(json_object_get(ratio, "ci"), side);

	return value ? json_number_value(value) : json_double_or(ratio, "ratio", NAN);
}

static void survey(struct forest *f)
{
	json_t *ratio;
	size_t i;

	for (int p = 0; p < 2; p++) {
		f->low[p] = 0.99;
		f->high[p] = 1.01;
	}
	json_array_foreach(f->ratios, i, ratio)
	{
		size_t env = env_of(f->run, ratio);
		int p = env < f->run->n_envs && *f->run->envs[env].apart;

		if (!is_central(ratio) || env == f->run->n_envs || row_of(f, ratio) == ROWS_MAX)
			continue;
		f->n_panel[p]++;
		f->used[env] = true;
		f->low[p] = fmin(f->low[p], bound(ratio, 0));
		f->high[p] = fmax(f->high[p], bound(ratio, 1));
	}
	for (int p = 0; p < 2; p++) {
		double room = pow(f->high[p] / f->low[p], 0.06);

		f->low[p] /= room;
		f->high[p] *= room;
	}
}

/* Two blocks for each environment: hollow (the interval holds 1) and filled. */
static void put_data(struct forest *f, FILE *data)
{
	json_t *ratio;
	size_t i;

	for (size_t block = 0; block < 2 * f->run->n_envs; block++) {
		size_t env = block / 2;

		(void)fprintf(data, "# y\tratio\tlow\thigh\n0\tNaN\tNaN\tNaN\n");
		json_array_foreach(f->ratios, i, ratio)
		{
			double low = bound(ratio, 0), high = bound(ratio, 1);
			bool hollow = json_is_null(json_object_get(ratio, "ci")) ||
				      (low <= 1 && high >= 1);
			size_t row;

			if (!is_central(ratio) || env_of(f->run, ratio) != env ||
			    hollow != (block % 2 == 0))
				continue;
			row = row_of(f, ratio);
			if (row == ROWS_MAX)
				continue;
			(void)fprintf(data, "%.4f\t%.9g\t%.9g\t%.9g\n",
				      (double)(f->n_rows - row) +
					      0.5 * (0.5 - (double)(env + 1) /
								   (double)(f->run->n_envs + 1)),
				      json_double_or(ratio, "ratio", NAN), low, high);
		}
		(void)fprintf(data, "\n\n");
	}
}

static void put_row_labels(const struct forest *f, bool shown, FILE *script)
{
	(void)fprintf(script, "set ytics (");
	for (size_t row = 0; row < f->n_rows; row++) {
		const json_t *r = f->rows[row];
		const char *params = json_string_or(r, "params", "");
		bool twice = false;
		char label[160];

		for (size_t other = 0; other < f->n_rows; other++)
			twice |= other != row &&
				 strcmp(json_string_or(f->rows[other], "load", ""),
					json_string_or(r, "load", "")) == 0 &&
				 strcmp(json_string_or(f->rows[other], "params", ""), params) == 0;
		(void)snprintf(label, sizeof(label), "%.40s%s%.40s%s%.30s%s",
			       json_string_or(r, "load", ""), *params ? " " : "", params,
			       twice ? " [" : "", twice ? json_string_or(r, "group", "") : "",
			       twice ? "]" : "");
		(void)fprintf(script, "%s", row ? ", " : "");
		plot_quote(script, shown ? label : "");
		(void)fprintf(script, " %zu", f->n_rows - row);
	}
	(void)fprintf(script, ")\n");
}

/* In two lines, since the panel may be narrow. */
static const char *apart_words(const struct forest *f)
{
	bool emulated = false, other = false;

	for (size_t i = 0; i < f->run->n_envs; i++) {
		const struct run_env *env = &f->run->envs[i];

		emulated |= f->used[i] && env->emulated;
		other |= f->used[i] && *env->apart && !env->emulated;
	}
	if (emulated && other)
		return "TCG, User-Mode Linux:\\nnot a measure of VM overhead";
	return emulated ? "emulated (TCG):\\nnot a measure of VM overhead"
			: "User-Mode Linux:\\nnot a measure of VM overhead";
}

static void put_panel(const struct forest *f, FILE *script, int p, double left, double right)
{
	bool first = true;

	(void)fprintf(script,
		      "set lmargin at screen %.3f\nset rmargin at screen %.3f\n"
		      "set xrange [%.9g:%.9g]\nset xlabel \"%s\"\n",
		      left, right, f->low[p], f->high[p],
		      p ? apart_words(f) : "ratio of time per operation");
	plot_ratio_ticks(script, 'x', f->low[p], f->high[p]);
	(void)fprintf(script, "set arrow 1 from 1, graph 0 to 1, graph 1 nohead lw 1.5 ");
	plot_colour(script, "ink");
	(void)fprintf(script, " back\nplot ");
	for (size_t block = 0; block < 2 * f->run->n_envs; block++) {
		const struct run_env *env = &f->run->envs[block / 2];
		bool filled = block % 2;

		if (!f->used[block / 2] || (*env->apart != 0) != (p == 1))
			continue;
		(void)fprintf(script,
			      "%s'ratios.tsv' index %zu using 2:1:3:4 with xerrorbars pt %d ps 0.9 "
			      "lw 1.6 ",
			      first ? "" : ", \\\n  ", block, style_point(block / 2, filled));
		plot_colour(script, style_env(block / 2));
		first = false;
	}
	(void)fprintf(script, "\n");
}

int plot_ratios(const char *dir, const struct run *run, const json_t *summary, struct tare_err *err)
{
	struct forest f = {.run = run, .ratios = json_object_get(summary, "ratios")};
	struct plot plot;
	double split;
	int r, height, top;

	survey(&f);
	if (f.n_rows == 0)
		return 0;
	r = plot_begin(dir, "ratios", &plot, err);
	if (r < 0)
		return r;
	put_data(&f, plot.data);
	split = f.n_panel[0] == 0 ? 0.24 : f.n_panel[1] == 0 ? 0.96 : 0.60;
	height = 140 + (int)(f.n_rows * (14 + 9 * run->n_envs));
	top = plot_legend(plot.script, run, f.used, WIDTH, height);
	(void)fprintf(plot.script,
		      "set multiplot\nset logscale x\nset yrange [0.4:%zu.6]\n"
		      "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
		      f.n_rows, 1 - (top + 10.0) / height, 80.0 / height);
	put_row_labels(&f, true, plot.script);
	if (f.n_panel[0])
		put_panel(&f, plot.script, 0, 0.24, split);
	if (f.n_panel[0] && f.n_panel[1]) {
		(void)fprintf(plot.script, "unset label\n");
		put_row_labels(&f, false, plot.script);
	}
	if (f.n_panel[1])
		put_panel(&f, plot.script, 1, f.n_panel[0] ? split + 0.05 : 0.24, 0.96);
	(void)fprintf(plot.script, "unset multiplot\n");
	return plot_end(&plot, WIDTH, height, err);
}
