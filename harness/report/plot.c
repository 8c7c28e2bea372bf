/* SPDX-License-Identifier: MIT */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/style.h"
#include "report/tool.h"

/* Of an SVG, by CSS. */
#define PX_PER_INCH 96.0
/* How a script says how large it draws, in pixels of an SVG. */
#define SIZE_LINE   "width = %d; height = %d"

static FILE *open_in(const char *dir, const char *name, const char *ending, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s.%s", dir, name, ending);
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		(void)err_errno(err, "write '%s/%s.%s'", dir, name, ending);
	return f;
}

int plot_begin(const char *dir, const char *name, struct plot *ret, struct tare_err *err)
{
	*ret = (struct plot){.dir = dir, .name = name};
	ret->data = open_in(dir, name, "tsv", err);
	if (!ret->data)
		return -EIO;
	ret->script = open_memstream(&ret->body, &ret->body_size);
	if (!ret->script) {
		plot_drop(ret);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* Data that nothing draws would only be in the way of who looks for that of a plot. */
static void drop_data(struct plot *plot)
{
	cleanup_free char *path = text_format("%s/%s.tsv", plot->dir, plot->name);

	(void)fclose(plot->data);
	if (path)
		(void)unlink(path);
}

void plot_drop(struct plot *plot)
{
	if (plot->data)
		drop_data(plot);
	if (plot->script)
		(void)fclose(plot->script);
	free(plot->body);
	*plot = (struct plot){0};
}

/* What both outputs share. */
static void put_preamble(FILE *f)
{
	char ink[8], soft[8], rule[8], grid[8];

	(void)style_hex("ink", ink);
	(void)style_hex("soft", soft);
	(void)style_hex("rule", rule);
	(void)style_hex("grid", grid);
	(void)fprintf(f,
		      "set termoption noenhanced\n"
		      "set datafile separator '\\t'\nset datafile missing 'NaN'\n"
		      "set border 3 lc rgb '%s' lw 1\n"
		      "set tics nomirror out scale 0.5 textcolor rgb '%s'\n"
		      "set grid xtics ytics lc rgb '%s' lw 1 lt 1, lc rgb '%s' lw 1 lt 1\n"
		      "unset key\n"
		      "set title textcolor rgb '%s'\nset xlabel textcolor rgb '%s'\n"
		      "set ylabel textcolor rgb '%s'\nset encoding utf8\nset bars small\n",
		      rule, soft, grid, grid, ink, soft, soft);
}

void plot_put_pdf_terminal(FILE *f, int width, int height)
{
	(void)fprintf(f,
		      "set terminal pdfcairo size %.2fin,%.2fin font 'DejaVu Sans,12' fontscale "
		      "0.75 noenhanced\n",
		      width / PX_PER_INCH, height / PX_PER_INCH);
}

/* The letters of PNG and PDF are as wide as those of the SVG, for which labels have room. */
static void put_terminals(FILE *f, const struct plot *plot)
{
	int w = plot->width, h = plot->height;

	(void)fprintf(f,
		      "# Draws %s.svg and %s.png from %s.tsv: gnuplot %s.gp\n"
		      "# and %s.pdf: gnuplot -e \"to='pdf'\" %s.gp\n" SIZE_LINE "\n"
		      "if (!exists('to')) to = 'svg'\n",
		      plot->name, plot->name, plot->name, plot->name, plot->name, plot->name, w, h);
	(void)fprintf(f,
		      "if (to eq 'svg') set terminal svg size %d,%d dynamic font 'DejaVu Sans,12' "
		      "noenhanced\n"
		      "if (to eq 'png') set terminal pngcairo size %d,%d font 'DejaVu Sans,12' "
		      "fontscale 1.5 linewidth 1.5 pointscale 1.5 noenhanced\n"
		      "if (to eq 'pdf') ",
		      w, h, w * 3 / 2, h * 3 / 2);
	plot_put_pdf_terminal(f, w, h);
	(void)fprintf(f, "if (to ne 'page') set output '%s.'.to\n", plot->name);
}

void plot_read_size(const char *dir, const char *script, int *ret_width, int *ret_height)
{
	cleanup_free char *path = text_format("%s/%s", dir, script);
	cleanup_fclose FILE *f = path ? fopen(path, "re") : NULL;
	char line[160];

	*ret_width = *ret_height = 0;
	while (f && fgets(line, sizeof(line), f)) {
		/* NOLINTNEXTLINE(cert-err34-c): what we wrote ourselves */
		if (sscanf(line, SIZE_LINE, ret_width, ret_height) == 2)
			return;
	}
}

static int write_script(const struct plot *plot, struct tare_err *err)
{
	cleanup_fclose FILE *f = open_in(plot->dir, plot->name, "gp", err);

	if (!f)
		return -EIO;
	put_terminals(f, plot);
	put_preamble(f);
	(void)fwrite(plot->body, 1, plot->body_size, f);
	(void)fprintf(f,
		      "if (to ne 'page') unset output\nreset\n"
		      "if (to eq 'svg') to = 'png'; load '%s.gp'\n",
		      plot->name);
	if (ferror(f) || fflush(f) != 0)
		return err_errno(err, "write '%s/%s.gp'", plot->dir, plot->name);
	return 0;
}

static const struct tool gnuplot = {
	.missing = "plots need gnuplot, which is not here: install gnuplot-nox",
	.complaint = "line ",
	.timeout_ms = 60000,
};

int plot_probe(struct tare_err *err)
{
	char name[] = "gnuplot", option[] = "--version";
	char *argv[] = {name, option, NULL};

	return tool_run(&gnuplot, NULL, argv, err);
}

int plot_draw(const char *dir, const char *script, const char *to, struct tare_err *err)
{
	char name[] = "gnuplot", own[] = "-d", run[] = "-e";
	cleanup_free char *file = strdup(script);
	cleanup_free char *setting = to ? text_format("to='%s'", to) : NULL;
	char *argv[] = {name, own, file, NULL}, *argv_to[] = {name, own, run, setting, file, NULL};

	if (!file || (to && !setting))
		return err_set(err, ENOMEM, "out of memory");
	return tool_run(&gnuplot, dir, to ? argv_to : argv, err);
}

int plot_end(struct plot *plot, int width, int height, struct tare_err *err)
{
	cleanup_free char *script = text_format("%s.gp", plot->name);
	bool full;
	int r;

	errno = 0;
	full = ferror(plot->data);
	full |= fclose(plot->data) != 0;
	full |= fclose(plot->script) != 0;
	plot->data = plot->script = NULL;
	plot->width = width;
	plot->height = height;
	if (full && errno)
		r = err_errno(err, "write '%s/%s.tsv'", plot->dir, plot->name);
	else if (full || !script)
		r = err_set(err, EIO, "write '%s/%s.tsv': no space left on device, or no memory",
			    plot->dir, plot->name);
	else
		r = write_script(plot, err);
	if (r == 0)
		r = plot_draw(plot->dir, script, NULL, err);
	if (r < 0)
		(void)err_wrap(err, r, "plot '%s'", plot->name);
	plot_drop(plot);
	return r;
}

size_t plot_env_of(const struct run *run, const json_t *row)
{
	size_t env = 0;

	while (env + 1 < run->n_envs &&
	       strcmp(run->envs[env].label, json_string_or(row, "env", "")) != 0)
		env++;
	return env;
}

void plot_quote(FILE *out, const char *text)
{
	(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			(void)fputc('\'', out);
		(void)fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	(void)fputc('\'', out);
}

void plot_field(FILE *out, const char *text)
{
	for (; *text; text++) {
		bool special = (unsigned char)*text < ' ' || *text == '"' || *text == '\\';

		(void)fputc(special ? ' ' : *text, out);
	}
}

const char *plot_apart(const struct run_env *env)
{
	return env->emulated ? " (TCG)" : *env->apart ? " (UML)" : "";
}

void plot_colour(FILE *script, const char *name)
{
	char hex[8];

	(void)fprintf(script, "lc rgb '%s'", style_hex(name, hex));
}

/* DejaVu Sans at 12: a letter is about this wide. */
#define LETTER_PX 8.6
#define LEGEND_PX 20

int plot_legend(FILE *script, const struct run *run, const bool *used, int width, int height)
{
	double x = 90, y = 14;

	for (size_t env = 0; env < run->n_envs; env++) {
		double needs = 40 + LETTER_PX * (double)strlen(run->envs[env].shown);

		if (!used[env])
			continue;
		if (x > 90 && x + needs > width) {
			x = 90;
			y += LEGEND_PX;
		}
		(void)fprintf(script, "set label %zu ", 100 + env);
		plot_quote(script, run->envs[env].shown);
		(void)fprintf(script,
			      " at screen %.4f, screen %.4f left offset 1.2,0 point pt %d ps 0.9 ",
			      x / width, 1 - y / height, style_point(env, 1));
		plot_colour(script, style_env(env));
		(void)fprintf(script, " textcolor rgb '#222222'\n");
		x += needs;
	}
	return (int)y + LEGEND_PX / 2;
}

static void put_tick(FILE *script, bool *first, const char *label, double at)
{
	(void)fprintf(script, "%s'%s' %.9g", *first ? "" : ", ", label, at);
	*first = false;
}

/* Narrow ranges get even steps, wide ones 1, 2, 5; about six ticks in each. */
void plot_ratio_ticks(FILE *script, char axis, double low, double high)
{
	static const double steps[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
				       0.1,    0.2,   0.5,   1,     2,    5};
	double step = 0, wide = high / low;
	bool first = true;
	char label[32];

	(void)fprintf(script, "set %ctics (", axis);
	for (size_t i = 0; wide < 6 && i < sizeof(steps) / sizeof(*steps) && step == 0; i++) {
		if ((high - low) / steps[i] <= 7)
			step = steps[i];
	}
	for (int i = step > 0 ? (int)ceil(low / step) : 0; step > 0 && i * step <= high * 1.0000001;
	     i++) {
		double x = i;

		(void)snprintf(label, sizeof(label), "%.5g", x * step);
		put_tick(script, &first, label, x * step);
	}
	for (int e = (int)floor(log10(low)); step == 0 && e <= (int)ceil(log10(high)); e++) {
		for (int m = 1; m <= 5; m += m == 2 ? 3 : 1) {
			double x = m * pow(10, e);

			if (x < low || x > high || (wide > 200 && m != 1))
				continue;
			(void)snprintf(label, sizeof(label), "%.5g", x);
			put_tick(script, &first, label, x);
		}
	}
	(void)fprintf(script, ")\n");
}

/* A narrow range has no two of 1, 2 and 5 in it: even steps, about five of them. */
static void put_even_times(FILE *script, double low, double high)
{
	double step = pow(10, floor(log10((high - low) / 5))), last = 0;
	bool first = true;
	char label[32];

	while ((high - low) / step > 6)
		step *= (high - low) / step > 12 ? 5 : 2;
	for (int i = (int)ceil(low / step); i * step <= high; i++) {
		/* On a log axis they come closer and closer, until they have no room. */
		if (last > 0 && log(i * step / last) < log(high / low) / 7)
			continue;
		last = i * step;
		put_tick(script, &first, units_print_ns(last, label, sizeof(label)), last);
	}
}

void plot_time_ticks(FILE *script, char axis, double low_ns, double high_ns)
{
	double wide = high_ns / low_ns;
	bool first = true;
	char label[32];

	(void)fprintf(script, "set %ctics (", axis);
	if (wide < 5)
		put_even_times(script, low_ns, high_ns);
	for (int e = (int)floor(log10(low_ns)); wide >= 5 && e <= (int)ceil(log10(high_ns)); e++) {
		for (int m = 1; m <= 5; m += m == 2 ? 3 : 1) {
			double x = m * pow(10, e);

			if (x < low_ns || x > high_ns || (wide > 200 && m != 1) ||
			    (wide > 1e5 && e % 2 != 0))
				continue;
			put_tick(script, &first, units_print_ns(x, label, sizeof(label)), x);
		}
	}
	(void)fprintf(script, ")\n");
}

void plot_set_name(const char *kind, size_t cell, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s-%zu", kind, cell);
}
