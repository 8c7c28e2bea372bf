/* SPDX-License-Identifier: MIT */
#pragma once
/* plot: one picture by gnuplot, a child process.
 *
 * PLOTS/NAME.gp draws NAME.svg and NAME.png from NAME.tsv; run `gnuplot NAME.gp` there, or `make`
 * in the folder above, to draw it again; with to='pdf' it draws NAME.pdf. Texts come from a run and
 * may hold anything: in scripts they stand in single quotes, where gnuplot substitutes nothing; in
 * data they lose tabs and quotes; file names are ours alone. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/run.h"

struct tare_err;

struct plot {
	const char *dir, *name;
	int width, height;
	FILE *script, *data;
	char *body;
	size_t body_size;
};

/* Begin a picture: script and data are open for writing. */
int plot_begin(const char *dir, const char *name, struct plot *ret, struct tare_err *err);
/* Write the script and let gnuplot draw. */
int plot_end(struct plot *plot, int width, int height, struct tare_err *err);
/* Give it up: nothing is drawn. */
void plot_drop(struct plot *plot);

/* Text in single quotes for a script; and as a field of the data. */
void plot_quote(FILE *out, const char *text);
void plot_field(FILE *out, const char *text);
/* "set xtics (...)" for a log axis (x or y) from low to high: round ratios or round numbers. */
void plot_ratio_ticks(FILE *script, char axis, double low, double high);
void plot_time_ticks(FILE *script, char axis, double low_ns, double high_ns);
/* Which environments have which colour and shape, in lines along the top edge. Gives back how high
 * they are, in pixels. used[env]; the labels are to be unset before the next panel is drawn. */
int plot_legend(FILE *script, const struct run *run, const bool *used, int width, int height);
/* The environment that a row of the summary is about. */
size_t plot_env_of(const struct run *run, const json_t *row);
/* "lc rgb '#...'" of a colour. */
void plot_colour(FILE *script, const char *name);
/* What a label says of an environment whose figures are no VM's: " (TCG)"; "" else. */
const char *plot_apart(const struct run_env *env);

/* Is there a gnuplot that draws? -ENOTSUP and a sentence. */
int plot_probe(struct tare_err *err);

/* Run a script there; to: "pdf" for NAME.pdf alone; NULL: what it draws by itself. */
int plot_draw(const char *dir, const char *script, const char *to, struct tare_err *err);
/* How large a script draws, in pixels of an SVG; 0: it does not say. */
void plot_read_size(const char *dir, const char *script, int *ret_width, int *ret_height);
void plot_put_pdf_terminal(FILE *f, int width, int height);

/* The pictures. Where there is nothing to draw, none is made, and that is no error. */
int plot_ratios(const char *dir, const struct run *run, const json_t *summary,
		struct tare_err *err);
/* One a load: "ladder-0", ... in the order of the summary's list. */
int plot_ladder(const char *dir, const json_t *summary, struct tare_err *err);
int plot_latencies(const char *dir, const struct run *run, struct tare_err *err);
int plot_heatmap(const char *dir, const struct run *run, const json_t *summary,
		 struct tare_err *err);
int plot_throttles(const char *dir, const struct run *run, struct tare_err *err);
int plot_scheds(const char *dir, const struct run *run, struct tare_err *err);
int plot_startup(const char *dir, const struct run *run, const json_t *summary,
		 struct tare_err *err);
int plot_boundaries(const char *dir, const struct run *run, const json_t *summary,
		    struct tare_err *err);
int plot_exits(const char *dir, const struct run *run, const json_t *summary, struct tare_err *err);
int plot_order(const char *dir, const struct run *run, struct tare_err *err);
/* How many trials it is of, those included that are too many to be drawn. */
size_t plot_order_trials(const struct run *run);

/* Name of the picture of a set of cells: "latency-3". cell is the first of its set. */
void plot_set_name(const char *kind, size_t cell, char *buf, size_t size);
/* The trial whose series are drawn; NULL: none has one. */
const struct run_trial *plot_series_trial(const struct run *run, const struct run_cell *cell);
/* Is it the first cell of a set that the collector sched watched? Its picture is "sched-CELL". */
bool plot_begins_sched(const struct run *run, size_t cell);
