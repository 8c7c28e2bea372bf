/* SPDX-License-Identifier: MIT */
#include "lab/run/show.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "density/density.h"
#include "isolation/isolation.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/submission.h"
#include "report/doc.h"
#include "report/plot.h"

void lab_say_verdict(struct lab_findings *findings, const char *fmt, ...)
{
	size_t n = (size_t)snprintf(findings->verdict, sizeof(findings->verdict),
				    "%s: ", lab_outcome_name(findings->outcome));
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(findings->verdict + n, sizeof(findings->verdict) - n, fmt, args);
	va_end(args);
}

typedef int draw_fn(const struct lab_data *data, const char *dir, struct tare_err *err);

static int draw_ratios(const struct lab_data *data, const char *dir, struct tare_err *err)
{
	return plot_ratios(dir, data->run, data->summary, err);
}

static int draw_starts(const struct lab_data *data, const char *dir, struct tare_err *err)
{
	return plot_startup(dir, data->run, data->summary, err);
}

static int draw_density(const struct lab_data *data, const char *dir, struct tare_err *err)
{
	return density_draw(data->density, dir, err);
}

/* A plot, drawn once for both forms of the page; no picture without gnuplot. */
static int show_plot(const struct lab_data *data, struct doc *doc, const char *name, draw_fn *draw,
		     const char *caption, struct tare_err *err)
{
	cleanup_free char *drawn = text_format("%s/%s.svg", doc->plots_dir, name);
	int r = 0;

	if (!drawn)
		return err_set(err, ENOMEM, "out of memory");
	if (access(drawn, F_OK) < 0 && plot_probe(NULL) == 0) {
		r = fd_make_dirs(doc->plots_dir, err);
		if (r == 0)
			r = draw(data, doc->plots_dir, err);
	}
	if (r == 0)
		doc->ops->figure(doc, name, caption);
	return r;
}

/* The same of a run; nothing without one. */
static int show_run(const struct lab_data *data, struct doc *doc, const char *name, draw_fn *draw,
		    const char *caption, struct tare_err *err)
{
	int r;

	if (!data->run)
		return 0;
	doc->ops->heading(doc, 2, "Your measurements");
	r = show_plot(data, doc, name, draw, caption, err);
	if (r < 0)
		return r;
	doc_say(doc,
		"All there is of this run, with validity and what else differs between the "
		"environments: 'tare report " LAB_DATA_DIR "/run' in the folder of this page.");
	return 0;
}

int lab_show_ratios(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	return show_run(data, doc, "ratios", draw_ratios,
			"Time of an operation against the same in the first environment, with its "
			"interval of at least 95 % over the rounds; log axis; filled: the interval "
			"excludes 1.",
			err);
}

int lab_show_starts(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	return show_run(data, doc, "startup", draw_starts,
			"From asking for the box, or the guest, to being ready. Dots are rounds or "
			"boots, above them the estimate with its interval; log axis.",
			err);
}

int lab_show_density(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	if (!data->density)
		return 0;
	doc->ops->heading(doc, 2, "One beside the other");
	doc_say(doc,
		"In each round box after box was put up, with an idle player in it, and stayed up. "
		"A dot is a box; above: how long its start took, guests being restored where one "
		"was saved; below: the memory that the machine has less of, whoever took it.");
	return show_plot(
		data, doc, DENSITY_PLOT, draw_density,
		"Starts and memory by the number of boxes that are up; the axis of time is "
		"logarithmic.",
		err);
}

int lab_show_isolation(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	if (!data->isolation)
		return 0;
	doc->ops->heading(doc, 2, "What was seen from inside");
	doc_say(doc, "*private*: nothing of what a plain process outside lists is seen inside; "
		     "*shared*: all of it is. An attack was really tried: it has *succeeded*, or "
		     "was *contained*. The evidence for each is told by 'tare "
		     "report " LAB_DATA_DIR "' in the folder of this page.");
	return isolation_table(data->isolation, doc, err);
}

static void put_figure(struct table *table, size_t column, const json_t *result, const char *key)
{
	const json_t *figure = json_object_get(result, key);
	double value = json_double_or(figure, "value", NAN);
	double low = json_double_or(figure, "low", NAN), high = json_double_or(figure, "high", NAN);

	if (isnan(value))
		table_cell(table, column, TONE_QUIET, "-");
	else if (low < high)
		table_cell(table, column, TONE_PLAIN, "%.4g (%.4g .. %.4g)", value, low, high);
	else
		table_cell(table, column, TONE_PLAIN, "%.4g", value);
}

int lab_show_checks(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	cleanup_table struct table table = {.n_columns = 7,
					    .head = {"limit", "claim", "unit", "allowed",
						     "with the limit", "without it", "verdict"},
					    .number = {[4] = true, [5] = true}};
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(data->checks, "results"), i, result)
	{
		const char *verdict = json_string_or(result, "verdict", "?");
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", json_string_or(result, "check", "?"));
		table_cell(&table, 1, TONE_PLAIN, "%s", json_string_or(result, "claim", ""));
		table_cell(&table, 2, TONE_PLAIN, "%s", json_string_or(result, "unit", ""));
		table_cell(&table, 3, TONE_PLAIN, "%.4g .. %.4g",
			   json_double_or(result, "low", NAN), json_double_or(result, "high", NAN));
		put_figure(&table, 4, result, "figure");
		put_figure(&table, 5, result, "control");
		table_cell(&table, 6,
			   strcmp(verdict, "pass") == 0   ? TONE_GOOD
			   : strcmp(verdict, "fail") == 0 ? TONE_BAD
							  : TONE_QUIET,
			   "%s%s%s", verdict, *json_string_or(result, "why", "") ? ": " : "",
			   json_string_or(result, "why", ""));
	}
	if (table.n_rows == 0)
		return 0;
	doc->ops->heading(doc, 2, "Your measurements");
	doc_say(doc, "Each limit was tried twice, with it and without it. Only what holds with the "
		     "limit *and fails without it* passes.");
	doc->ops->table(doc, &table);
	return 0;
}
