/* SPDX-License-Identifier: MIT */
/* What virtual CPUs left their guest for: a stacked bar a cell, of counts and of time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"

#define SHOWN          6 /* reasons with a colour of their own: those with the most time */
#define NS             1e9
#define WIDTH          940
#define LEGEND_COLUMNS 4
#define LEGEND_LINE    18 /* pixels */
#define TEXT_MAX       64

/* Parts of a bar, in their order: in the guest (of time alone), the reasons shown, the rest. */
enum { IN_GUEST, FIRST_REASON, REST = FIRST_REASON + SHOWN, N_PARTS };

static const char *const colours[N_PARTS] = {"shade", "env1", "env2", "env3",
					     "env4",  "env5", "env6", "rule"};

struct bars {
	char names[N_PARTS][TEXT_MAX];
	double total_ns[N_PARTS];
	bool drawn[N_PARTS];
	double most_per_s;
};

/* Where the KVM tells of no exits, those to user space are what there is. */
static bool is_shown(const json_t *row, const json_t *reason)
{
	bool user = strcmp(json_string_or(reason, "by", ""), "user") == 0;

	return user == (*json_string_or(row, "untold", "") != '\0');
}

static size_t part_of(const struct bars *bars, const char *name)
{
	for (size_t i = FIRST_REASON; i < REST; i++)
		if (strncmp(bars->names[i], name, TEXT_MAX - 1) == 0)
			return i;
	return REST;
}

/* The time of a reason over all rows. */
static double time_of(const json_t *rows, const char *name)
{
	json_t *row, *reason;
	double ns = 0;
	size_t i, k;

	json_array_foreach(rows, i, row)
		json_array_foreach(json_object_get(row, "reasons"), k,
				   reason) if (is_shown(row, reason) &&
					       strcmp(json_string_or(reason, "reason", ""), name) ==
						       0) ns += json_double_or(reason, "sum_ns", 0);
	return ns;
}

/* Keep the reasons with the most time, the longest first. */
static void rank(struct bars *bars, const char *name, double ns)
{
	size_t at = REST;

	if (part_of(bars, name) != REST)
		return;
	while (at > FIRST_REASON && (!*bars->names[at - 1] || bars->total_ns[at - 1] < ns))
		at--;
	if (at == REST)
		return;
	for (size_t i = REST - 1; i > at; i--) {
		memcpy(bars->names[i], bars->names[i - 1], TEXT_MAX);
		bars->total_ns[i] = bars->total_ns[i - 1];
	}
	(void)snprintf(bars->names[at], TEXT_MAX, "%s", name);
	bars->total_ns[at] = ns;
}

static void choose(const json_t *rows, struct bars *bars)
{
	json_t *row, *reason;
	size_t i, k;

	json_array_foreach(rows, i, row)
		json_array_foreach(json_object_get(row, "reasons"), k, reason)
	{
		const char *name = json_string_or(reason, "reason", "");

		if (is_shown(row, reason))
			rank(bars, name, time_of(rows, name));
	}
	(void)snprintf(bars->names[IN_GUEST], TEXT_MAX, "in the guest");
	(void)snprintf(bars->names[REST], TEXT_MAX, "other reasons");
}

/* Exits a second, and per cent of the virtual CPUs' time. */
static void add_up(const json_t *row, const struct bars *bars, double counts[N_PARTS],
		   double times[N_PARTS])
{
	double wall_s = json_double_or(row, "wall_ns", 0) / NS;
	double vcpu_ns = json_double_or(row, "vcpu_ns", 0);
	json_t *reason;
	size_t k;

	memset(counts, 0, N_PARTS * sizeof(*counts));
	memset(times, 0, N_PARTS * sizeof(*times));
	if (!(wall_s > 0) || !(vcpu_ns > 0))
		return;
	times[IN_GUEST] = 100 * json_double_or(row, "in_ns", 0) / vcpu_ns;
	json_array_foreach(json_object_get(row, "reasons"), k, reason)
	{
		size_t part = part_of(bars, json_string_or(reason, "reason", ""));

		if (!is_shown(row, reason))
			continue;
		counts[part] += json_double_or(reason, "n", 0) / wall_s;
		times[part] += 100 * json_double_or(reason, "sum_ns", 0) / vcpu_ns;
	}
}

/* A block a part: where its piece begins and ends in each row, of counts and of time. */
static void put_data(const json_t *rows, FILE *data, struct bars *bars)
{
	size_t n = json_array_size(rows), i;
	json_t *row;

	for (size_t part = 0; part < N_PARTS; part++) {
		/* gnuplot does not count a block without a line. */
		(void)fprintf(data, "NaN\tNaN\tNaN\tNaN\tNaN\n");
		json_array_foreach(rows, i, row)
		{
			double counts[N_PARTS], times[N_PARTS], per_s = 0, percent = 0;

			add_up(row, bars, counts, times);
			for (size_t before = 0; before < part; before++) {
				per_s += counts[before];
				percent += times[before];
			}
			if (!(counts[part] + times[part] > 0))
				continue;
			(void)fprintf(data, "%zu\t%.6g\t%.6g\t%.6g\t%.6g\n", n - i, per_s,
				      per_s + counts[part], percent, percent + times[part]);
			bars->drawn[part] = true;
			bars->most_per_s = fmax(bars->most_per_s, per_s + counts[part]);
		}
		(void)fprintf(data, "\n\n");
	}
}

/* Whose exits they are goes without saying where there is one environment. */
static void put_label(const struct run *run, const json_t *row, bool alone, FILE *s)
{
	const struct run_env *env = &run->envs[plot_env_of(run, row)];
	const char *params = json_string_or(row, "params", "");
	char label[3 * RUN_NAME_MAX];

	(void)snprintf(label, sizeof(label), "%s%s%s%s%s", alone ? "" : env->label,
		       alone ? "" : ": ", json_string_or(row, "load", ""), *params ? "," : "",
		       params);
	plot_quote(s, label);
}

static void put_labels(const struct run *run, const json_t *rows, bool words, FILE *s)
{
	size_t n = json_array_size(rows), i;
	bool alone = true;
	json_t *row;

	json_array_foreach(rows, i, row) alone =
		alone && plot_env_of(run, row) == plot_env_of(run, json_array_get(rows, 0));
	(void)fprintf(s, "set ytics (");
	json_array_foreach(rows, i, row)
	{
		(void)fprintf(s, "%s", i ? ", " : "");
		if (words)
			put_label(run, row, alone, s);
		else
			plot_quote(s, "");
		(void)fprintf(s, " %zu", n - i);
	}
	(void)fprintf(s, ")\n");
}

/* Gives back how high it is. */
static int put_legend(const struct bars *bars, int height, FILE *s)
{
	int n = 0;

	for (size_t i = 0; i < N_PARTS; i++) {
		double x = 0.02 + 0.245 * (n % LEGEND_COLUMNS);
		int line = n / LEGEND_COLUMNS;
		double y = 1 - (12.0 + LEGEND_LINE * line) / height;

		if (!bars->drawn[i])
			continue;
		(void)fprintf(s,
			      "set object %d rectangle from screen %.4f, screen %.4f to screen "
			      "%.4f, screen %.4f fs solid 1 border ",
			      ++n, x, y - 5.0 / height, x + 0.016, y + 5.0 / height);
		plot_colour(s, colours[i]);
		(void)fprintf(s, " fc rgb '%s'\nset label %d ", style_hex(colours[i], (char[8]){0}),
			      n);
		plot_quote(s, bars->names[i]);
		(void)fprintf(s, " at screen %.4f, screen %.4f left textcolor rgb '%s'\n",
			      x + 0.022, y, style_hex("soft", (char[8]){0}));
	}
	return 12 + LEGEND_LINE * ((n + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS);
}

static void put_bars(const struct bars *bars, int first_column, FILE *s)
{
	const char *before = "plot ";
	int low = first_column, high = first_column + 1;

	for (size_t i = 0; i < N_PARTS; i++) {
		if (!bars->drawn[i])
			continue;
		(void)fprintf(
			s,
			"%s'exits.tsv' index %zu using (($%d+$%d)/2):1:%d:%d:($1-0.3):($1+0.3)"
			" with boxxyerror fs solid 1 border ",
			before, i, low, high, low, high);
		plot_colour(s, colours[i]);
		(void)fprintf(s, " ");
		plot_colour(s, colours[i]);
		before = ", \\\n  ";
	}
	(void)fprintf(s, "\n");
}

static void put_panels(const struct run *run, const json_t *rows, const struct bars *bars,
		       int height, FILE *s)
{
	size_t n = json_array_size(rows);
	int legend = put_legend(bars, height, s);

	(void)fprintf(s,
		      "set multiplot\nset yrange [0.4:%zu.6]\nset tmargin at screen %.4f\n"
		      "set bmargin at screen %.4f\nset lmargin at screen 0.30\n"
		      "set rmargin at screen 0.62\nset xrange [0:%.6g]\nset format x '%%.0s%%c'\n"
		      "set xtics autofreq\nset xlabel 'times a second'\n",
		      n, 1 - (legend + 10.0) / height, 58.0 / height, bars->most_per_s * 1.03);
	put_labels(run, rows, true, s);
	put_bars(bars, 2, s);
	for (int i = 1; i <= N_PARTS; i++)
		(void)fprintf(s, "unset label %d\nunset object %d\n", i, i);
	(void)fprintf(s, "set lmargin at screen 0.66\nset rmargin at screen 0.97\n"
			 "set xrange [0:100]\nset format x '%%g'\n"
			 "set xlabel '%% of the virtual CPUs'' time'\n");
	put_labels(run, rows, false, s);
	put_bars(bars, 4, s);
	(void)fprintf(s, "unset multiplot\n");
}

int plot_exits(const char *dir, const struct run *run, const json_t *summary, struct tare_err *err)
{
	const json_t *rows = json_object_get(summary, "exits");
	int height = 150 + 38 * (int)json_array_size(rows);
	cleanup_free struct bars *bars = calloc(1, sizeof(*bars));
	struct plot plot;
	int r;

	if (!bars)
		return err_set(err, ENOMEM, "out of memory");
	if (json_array_size(rows) == 0)
		return 0;
	r = plot_begin(dir, "exits", &plot, err);
	if (r < 0)
		return r;
	choose(rows, bars);
	put_data(rows, plot.data, bars);
	if (!(bars->most_per_s > 0)) {
		plot_drop(&plot);
		return 0;
	}
	put_panels(run, rows, bars, height, plot.script);
	return plot_end(&plot, WIDTH, height, err);
}
