/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "report/content.h"
#include "report/csv.h"
#include "report/pdf.h"
#include "report/plot.h"
#include "report/run.h"
#include "report/summary.h"

int report_parse_formats(const char *text, unsigned int *ret, struct tare_err *err)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} formats[] = {{"html", REPORT_HTML},
		       {"md", REPORT_MARKDOWN},
		       {"csv", REPORT_CSV},
		       {"pdf", REPORT_PDF}};
	static const char *const names[] = {"html", "md", "csv", "pdf", NULL};
	const size_t n_formats = sizeof(formats) / sizeof(*formats);
	char hint[TEXT_HINT_SIZE], name[16];

	*ret = 0;
	while (*text) {
		size_t n = strcspn(text, ","), i = 0;

		(void)snprintf(name, sizeof(name), "%.*s", (int)(n < 15 ? n : 15), text);
		while (i < n_formats && strcmp(formats[i].name, name) != 0)
			i++;
		if (i == n_formats)
			return err_set(err, EINVAL,
				       "format '%s' is not one of html, md, csv, pdf%s", name,
				       text_hint(name, names, hint, sizeof(hint)));
		*ret |= formats[i].bit;
		text += n + (text[n] == ',');
	}
	return *ret ? 0 : err_set(err, EINVAL, "a format is needed: html, md, csv, pdf");
}

static int write_summary(const char *run_dir, const json_t *summary, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/summary.json", run_dir);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return newfile_write_json(path, summary, JSON_INDENT(1) | JSON_REAL_PRECISION(12), err);
}

static int draw_all(const char *dir, const struct run *run, const json_t *summary,
		    struct tare_err *err)
{
	/* Of many steps the forest plot would be no picture; the ladder has its own. */
	bool ladder = json_array_size(json_object_get(summary, "ladder")) > 0;
	int r = ladder ? plot_ladder(dir, summary, err) : plot_ratios(dir, run, summary, err);

	if (r < 0 || (r = plot_latencies(dir, run, err)) < 0 ||
	    (r = plot_heatmap(dir, run, summary, err)) < 0 ||
	    (r = plot_throttles(dir, run, err)) < 0 || (r = plot_scheds(dir, run, err)) < 0 ||
	    (r = plot_startup(dir, run, summary, err)) < 0 ||
	    (r = plot_boundaries(dir, run, summary, err)) < 0 ||
	    (r = plot_exits(dir, run, summary, err)) < 0)
		return r;
	return plot_order(dir, run, err);
}

/* Without gnuplot a report has no plots, and says so. */
static int make_plots(const char *dir, const struct run *run, const json_t *summary,
		      struct report_result *ret, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = fd_make_dirs(dir, err);

	if (r < 0)
		return r;
	r = plot_probe(&why);
	if (r < 0) {
		(void)snprintf(ret->no_plots, sizeof(ret->no_plots), "%s", why.msg);
		return 0;
	}
	return draw_all(dir, run, summary, err);
}

static int write_document(const char *dir, const char *name, const struct doc_ops *ops,
			  struct content *content, struct report_result *ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", dir, name);
	cleanup_free char *plots = text_format("%s/plots", dir);
	cleanup_fclose FILE *f = path ? fopen(path, "we") : NULL;
	int r;

	if (!plots)
		return err_set(err, ENOMEM, "out of memory");
	if (!f)
		return err_errno(err, "write '%s/%s'", dir, name);
	content->doc = (struct doc){.out = f, .ops = ops, .plots_dir = plots};
	r = content_write(content, err);
	if (r < 0)
		return r;
	if (ferror(f) || fflush(f) != 0)
		return err_errno(err, "write '%s'", path);
	if (!*ret->path)
		(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	return 0;
}

/* make(1) there draws every plot again, whether or not it is older than its data. */
static int write_makefile(const char *dir, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/Makefile", dir);
	cleanup_fclose FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return err_errno(err, "write '%s/Makefile'", dir);
	(void)fputs("# make: draws every plot again, from its script and its data\n"
		    "scripts := $(wildcard plots/*.gp)\n"
		    ".PHONY: all $(scripts)\n"
		    "all: $(scripts)\n"
		    "$(scripts):\n\tcd plots && gnuplot -d $(notdir $@)\n",
		    f);
	return ferror(f) || fflush(f) != 0 ? err_errno(err, "write '%s'", path) : 0;
}

/* Without LaTeX there are the figures, and it is said why no more. */
static int write_pdf(const char *dir, struct content *content, struct report_result *ret,
		     struct tare_err *err)
{
	struct tare_err why = {0};
	const char *name = "report.pdf";
	int r;

	if (pdf_probe(&why) == 0) {
		/* The path to show is that of what it becomes. */
		struct report_result tex = {.path = "report.tex"};

		r = *ret->no_plots ? 0 : pdf_draw_plots(dir, err);
		if (r == 0)
			r = write_document(dir, "report.tex", &doc_latex, content, &tex, err);
		if (r == 0)
			r = pdf_from_latex(dir, err);
	} else {
		(void)snprintf(ret->no_pdf, sizeof(ret->no_pdf), "%s", why.msg);
		if (*ret->no_plots)
			return 0;
		name = "figures.pdf";
		r = pdf_of_figures(dir, err);
	}
	if (r < 0)
		return r;
	if (!*ret->path)
		(void)snprintf(ret->path, sizeof(ret->path), "%s/%s", dir, name);
	return 0;
}

static int write_formats(const char *dir, unsigned int formats, const struct run *run,
			 const json_t *summary, struct report_result *ret, struct tare_err *err)
{
	struct content content = {.run = run, .summary = summary, .no_plots = ret->no_plots};
	int r = 0;

	if (formats & REPORT_HTML)
		r = write_document(dir, "index.html", &doc_html, &content, ret, err);
	if (r == 0 && formats & REPORT_MARKDOWN)
		r = write_document(dir, "report.md", &doc_markdown, &content, ret, err);
	if (r == 0 && formats & REPORT_PDF)
		r = write_pdf(dir, &content, ret, err);
	if (r == 0 && formats & REPORT_CSV)
		r = csv_write(dir, run, summary, err);
	if (r == 0 && !*ret->path)
		(void)snprintf(ret->path, sizeof(ret->path), "%s/ratios.csv", dir);
	return r;
}

int report_make(const char *run_dir, unsigned int formats, struct report_result *ret,
		struct tare_err *err)
{
	cleanup_free char *dir = text_format("%s/report", run_dir);
	cleanup_free char *plots = text_format("%s/report/plots", run_dir);
	cleanup_run struct run *run = NULL;
	cleanup_json json_t *summary = NULL;
	int r;

	*ret = (struct report_result){0};
	if (!dir || !plots)
		return err_set(err, ENOMEM, "out of memory");
	r = run_load(run_dir, &run, err);
	if (r < 0 || (r = summary_make(run, &summary, err)) < 0 ||
	    (r = write_summary(run_dir, summary, err)) < 0)
		return r;
	ret->n_trials = run->n_trials;
	/* What an earlier report left would be taken for this one's. */
	r = fd_remove_tree(dir, err);
	if (r < 0 || (r = fd_make_dirs(dir, err)) < 0)
		return r;
	if (formats & (REPORT_HTML | REPORT_MARKDOWN | REPORT_PDF)) {
		r = make_plots(plots, run, summary, ret, err);
		if (r == 0)
			r = write_makefile(dir, err);
		if (r < 0)
			return r;
	}
	return write_formats(dir, formats, run, summary, ret, err);
}
