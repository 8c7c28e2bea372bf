/* SPDX-License-Identifier: MIT */
/* Where the time of a guest's start goes: a stacked bar a kind of boot, on the host's clock. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"

/* In the order of a boot. A part of a bar has the name of the moment that it ends with. A boot has
 * those of `cold` when it is one; when such a moment is missing, what follows holds more than its
 * name says and is hatched. */
static const struct part {
	const char *name, *words, *colour;
	bool cold;
} parts[] = {
	{"qemu", "QEMU executed", "rule", false},
	{"accel", "accelerator runs", "env6", false},
	{"kernel", "kernel entered", "env1", true},
	{"userspace", "userspace entered", "env5", true},
	{"hello", "the agent says hello", "env3", false},
	{"payload", "payload entered", "env4", false},
	{"payload_exit", NULL, NULL, false}, /* the payload's own time is left out */
	{"power_off", "power-off", "env2", false},
	{"gone", "QEMU gone", "limit", false},
};
#define N_PARTS        (sizeof(parts) / sizeof(parts[0]))
#define NS             1e6 /* of a ms, which the axis has */
#define WIDTH          860
#define LEGEND_COLUMNS 3
#define LEGEND_LINE    18 /* pixels */

struct bars {
	bool drawn[N_PARTS][2]; /* whole, hatched */
	double end_ms;
};

static size_t part_of(const char *name)
{
	size_t i = 0;

	while (i < N_PARTS && strcmp(parts[i].name, name) != 0)
		i++;
	return i;
}

static bool lacks(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (parts[i].cold)
			return true;
	return false;
}

/* The piece of one bar that is that part: a line of data, if it is hatched or not as asked. */
static void put_piece(const json_t *row, double y, size_t part, bool hatched, FILE *data,
		      struct bars *bars)
{
	bool cold = strcmp(json_string_or(row, "what", ""), "cold") == 0;
	double begin = 0, left_out = 0;
	size_t before = 0, i;
	json_t *moment;

	json_array_foreach(json_object_get(row, "moments"), i, moment)
	{
		size_t this = part_of(json_string_or(moment, "name", ""));
		double end = json_double_or(moment, "median_ns", NAN) / NS;

		if (this == N_PARTS || !isfinite(end))
			continue;
		if (!parts[this].words)
			left_out += end - begin;
		else if (this == part && end > begin &&
			 hatched == (cold && this >= before && lacks(before, this))) {
			(void)fprintf(data, "%.6g\t%.6g\t%.6g\n", begin - left_out, end - left_out,
				      y);
			bars->drawn[part][hatched] = true;
			bars->end_ms = fmax(bars->end_ms, end - left_out);
		}
		begin = end;
		before = this + 1;
	}
}

static void put_data(const json_t *rows, FILE *data, struct bars *bars)
{
	size_t n = json_array_size(rows), i;
	json_t *row;

	for (size_t part = 0; part < N_PARTS; part++) {
		for (int hatched = 0; hatched < 2; hatched++) {
			/* gnuplot does not count a block without a line. */
			(void)fprintf(data, "NaN\tNaN\tNaN\n");
			json_array_foreach(rows, i, row)
				put_piece(row, (double)(n - i), part, hatched, data, bars);
			(void)fprintf(data, "\n\n");
		}
	}
}

static void put_labels(const struct run *run, const json_t *rows, FILE *s)
{
	size_t n = json_array_size(rows), i;
	json_t *row;

	(void)fprintf(s, "set ytics (");
	json_array_foreach(rows, i, row)
	{
		char label[RUN_NAME_MAX + 64];
		size_t env = plot_env_of(run, row);

		(void)snprintf(label, sizeof(label), "%s: %s%s", run->envs[env].label,
			       json_string_or(row, "what", ""), plot_apart(&run->envs[env]));
		(void)fprintf(s, "%s", i ? ", " : "");
		plot_quote(s, label);
		(void)fprintf(s, " %zu", n - i);
	}
	(void)fprintf(s, ")\n");
}

/* gnuplot's own key knows no columns of one width. Gives back how high it is. */
static int put_legend(const struct bars *bars, int height, FILE *s)
{
	int n = 0;

	for (size_t i = 0; i < 2 * N_PARTS; i++) {
		const struct part *part = &parts[i / 2];
		bool hatched = i % 2;
		double x = 0.02 + 0.325 * (n % LEGEND_COLUMNS);
		int line = n / LEGEND_COLUMNS;
		double y = 1 - (12.0 + LEGEND_LINE * line) / height;

		if (!bars->drawn[i / 2][hatched])
			continue;
		(void)fprintf(s,
			      "set object %d rectangle from screen %.4f, screen %.4f to screen "
			      "%.4f, screen %.4f fs %s border ",
			      ++n, x, y - 5.0 / height, x + 0.018, y + 5.0 / height,
			      hatched ? "pattern 4" : "solid 0.85");
		plot_colour(s, part->colour);
		(void)fprintf(s, " fc rgb '%s'\nset label %d ",
			      style_hex(part->colour, (char[8]){0}), n);
		(void)fprintf(s, "'%s%s' at screen %.4f, screen %.4f left textcolor rgb '%s'\n",
			      part->words, hatched ? " (and before)" : "", x + 0.026, y,
			      style_hex("soft", (char[8]){0}));
	}
	return 12 + LEGEND_LINE * ((n + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS);
}

static void put_bars(const struct bars *bars, FILE *s)
{
	bool first = true;

	(void)fprintf(s, "plot ");
	for (size_t i = 0; i < 2 * N_PARTS; i++) {
		if (!bars->drawn[i / 2][i % 2])
			continue;
		(void)fprintf(s,
			      "%s'boundaries.tsv' index %zu using "
			      "(($1+$2)/2):3:1:2:($3-0.3):($3+0.3) with boxxyerror "
			      "fs %s border ",
			      first ? "" : ", \\\n  ", i, i % 2 ? "pattern 4" : "solid 0.85");
		plot_colour(s, parts[i / 2].colour);
		(void)fprintf(s, " ");
		plot_colour(s, parts[i / 2].colour);
		first = false;
	}
	(void)fprintf(s, "\n");
}

int plot_boundaries(const char *dir, const struct run *run, const json_t *summary,
		    struct tare_err *err)
{
	const json_t *rows = json_object_get(summary, "boundaries");
	size_t n = json_array_size(rows);
	int height = 150 + 38 * (int)n, legend;
	struct bars bars = {.end_ms = 0};
	struct plot plot;
	int r;

	if (n == 0)
		return 0;
	r = plot_begin(dir, "boundaries", &plot, err);
	if (r < 0)
		return r;
	put_data(rows, plot.data, &bars);
	if (!(bars.end_ms > 0)) {
		plot_drop(&plot);
		return 0;
	}
	legend = put_legend(&bars, height, plot.script);
	(void)fprintf(plot.script,
		      "set xrange [0:%.6g]\nset yrange [0.4:%zu.6]\nset lmargin at screen 0.30\n"
		      "set rmargin at screen 0.97\nset tmargin at screen %.4f\n"
		      "set bmargin at screen %.4f\nset xlabel 'ms since QEMU was executed'\n",
		      bars.end_ms * 1.02, n, 1 - (legend + 8.0) / height, 56.0 / height);
	put_labels(run, rows, plot.script);
	put_bars(&bars, plot.script);
	return plot_end(&plot, WIDTH, height, err);
}
