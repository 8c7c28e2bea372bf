/* SPDX-License-Identifier: MIT */
#include "report/pdf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "report/plot.h"
#include "report/tool.h"

static const struct tool latex = {
	.missing = "report.pdf needs LaTeX, which is not here: install texlive-latex-base",
	.complaint = "! ",
	.timeout_ms = 120000,
};

int pdf_probe(struct tare_err *err)
{
	char name[] = "pdflatex", option[] = "--version";
	char *argv[] = {name, option, NULL};

	return tool_run(&latex, NULL, argv, err);
}

/* So that tables know their columns' places on all pages. */
#define LATEX_RUNS 2

int pdf_from_latex(const char *dir, struct tare_err *err)
{
	static const char *const leftovers[] = {"aux", "log"};
	char name[] = "pdflatex", quiet[] = "-interaction=nonstopmode", halt[] = "-halt-on-error",
	     safe[] = "-no-shell-escape", file[] = "report.tex";
	char *argv[] = {name, quiet, halt, safe, file, NULL};
	int r = 0;

	for (int i = 0; i < LATEX_RUNS && r == 0; i++)
		r = tool_run(&latex, dir, argv, err);
	for (size_t i = 0; i < sizeof(leftovers) / sizeof(*leftovers); i++) {
		cleanup_free char *path = text_format("%s/report.%s", dir, leftovers[i]);

		if (path)
			(void)unlink(path);
	}
	return r;
}

static int is_script(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && strcmp(entry->d_name + n - 3, ".gp") == 0;
}

struct scripts {
	struct dirent **items;
	int n;
};

static void cleanup_scriptsp(struct scripts *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->items[i]);
	free(s->items);
}
#define cleanup_scripts __attribute__((cleanup(cleanup_scriptsp)))

/* Those of a report, in the order of their names. */
static int list_scripts(const char *plots, struct scripts *ret, struct tare_err *err)
{
	ret->n = scandir(plots, &ret->items, is_script, versionsort);
	return ret->n < 0 ? err_errno(err, "read '%s'", plots) : 0;
}

int pdf_draw_plots(const char *dir, struct tare_err *err)
{
	cleanup_free char *plots = text_format("%s/plots", dir);
	cleanup_scripts struct scripts scripts = {0};
	int r = plots ? list_scripts(plots, &scripts, err) : err_set(err, ENOMEM, "out of memory");

	for (int i = 0; i < scripts.n && r == 0; i++)
		r = plot_draw(plots, scripts.items[i]->d_name, "pdf", err);
	return r;
}

/* The largest of all: a smaller page would press labels into each other. */
static void page_size(const char *plots, const struct scripts *scripts, int *ret_width,
		      int *ret_height)
{
	for (int i = 0; i < scripts->n; i++) {
		int width, height;

		plot_read_size(plots, scripts->items[i]->d_name, &width, &height);
		*ret_width = width > *ret_width ? width : *ret_width;
		*ret_height = height > *ret_height ? height : *ret_height;
	}
}

int pdf_of_figures(const char *dir, struct tare_err *err)
{
	cleanup_free char *plots = text_format("%s/plots", dir);
	cleanup_free char *path = text_format("%s/plots/figures.gp", dir);
	cleanup_scripts struct scripts scripts = {0};
	cleanup_fclose FILE *f = NULL;
	int width = 0, height = 0, r;

	if (!plots || !path)
		return err_set(err, ENOMEM, "out of memory");
	r = list_scripts(plots, &scripts, err);
	if (r < 0)
		return r;
	if (scripts.n == 0)
		return err_set(err, ENOENT, "there is no plot for figures.pdf");
	page_size(plots, &scripts, &width, &height);
	f = fopen(path, "we");
	if (!f)
		return err_errno(err, "write '%s'", path);
	(void)fprintf(
		f, "# Draws ../figures.pdf of all plots here: gnuplot figures.gp\nto = 'page'\n");
	plot_put_pdf_terminal(f, width, height);
	(void)fprintf(f, "set output '../figures.pdf'\n");
	for (int i = 0; i < scripts.n; i++)
		(void)fprintf(f, "load '%s'\n", scripts.items[i]->d_name);
	(void)fprintf(f, "unset output\n");
	if (ferror(f) || fflush(f) != 0)
		return err_errno(err, "write '%s'", path);
	return plot_draw(plots, "figures.gp", NULL, err);
}
