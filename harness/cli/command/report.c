/* SPDX-License-Identifier: MIT */
/* tare report: make a run's tables, plots and texts again from what was recorded. */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/options.h"
#include "isolation/isolation.h"
#include "report/report.h"

struct report_options {
	unsigned int formats;
};

static int take_formats(void *options, const char *text, struct tare_err *err)
{
	struct report_options *own = options;

	return report_parse_formats(text, &own->formats, err);
}

static const struct command_option report_options[] = {
	{"format", 'f', "html,md,csv,pdf", "what to write (default: all but pdf)", take_formats},
	{0},
};

/* With --json stdout is one document: the summaries of all runs, and the results of isolation. */
static int print_summaries(char **dirs, struct tare_err *err)
{
	cleanup_json json_t *all = json_array();

	for (char **dir = dirs; *dir; dir++) {
		const char *name = isolation_is_in(*dir) ? ISOLATION_FILE : "summary.json";
		cleanup_free char *path = text_format("%s/%s", *dir, name);
		json_error_t why;
		json_t *summary = path ? json_load_file(path, 0, &why) : NULL;

		if (!summary)
			return err_set(err, EIO, "read '%s/%s' again", *dir, name);
		(void)json_array_append_new(all, summary);
	}
	return command_print_json(all, err);
}

static int make_isolation(const char *dir, unsigned int formats, struct report_result *ret,
			  struct tare_err *err)
{
	int r;

	if (!(formats & (REPORT_HTML | REPORT_MARKDOWN)))
		return err_set(err, EINVAL, "'%s': what isolation found is written as html and md",
			       dir);
	r = isolation_report_again(dir, formats, err);
	if (r == 0)
		(void)snprintf(ret->path, sizeof(ret->path), "%s/%s", dir,
			       formats & REPORT_HTML ? "index.html" : "report.md");
	return r;
}

static int make_one(const char *dir, unsigned int formats, bool json, struct tare_err *err)
{
	struct report_result result = {0};
	int r = isolation_is_in(dir) ? make_isolation(dir, formats, &result, err)
				     : report_make(dir, formats, &result, err);

	if (r < 0)
		return r;
	if (*result.no_plots)
		log_warn("the report of '%s' has no plots: %s", dir, result.no_plots);
	if (*result.no_pdf)
		log_warn("of '%s' there are only the figures: %s", dir, result.no_pdf);
	if (json)
		return 0;
	(void)puts(result.path);
	return command_end_output(err);
}

static int run_report(const struct command *command, int argc, char **argv)
{
	struct report_options own = {.formats = REPORT_ALL};
	struct cli_options options;
	struct tare_err err = {0};
	int r = options_read(command, argc, argv, &own, &options);

	if (r != OPTIONS_GO_ON)
		return r;
	if (options.n_args == 0) {
		(void)err_set(&err, EINVAL, "name a run's folder, for example results/RUN");
		return command_misuse(command, &err);
	}
	for (char **dir = options.args; *dir; dir++) {
		if (make_one(*dir, own.formats, options.json, &err) < 0)
			return command_fail(command, &err);
	}
	if (options.json && print_summaries(options.args, &err) < 0)
		return command_fail(command, &err);
	return EXIT_OK;
}

const struct command command_report = {
	.name = "report",
	.usage = "RUN... [-f html,md,csv,pdf]",
	.summary = "make the tables, plots and texts of runs again",
	.details =
		"Reads RUN/manifest.json and RUN/records.jsonl and writes RUN/summary.json and "
		"RUN/report/:\nindex.html, report.md, cells.csv, ratios.csv, slices.csv and the "
		"plots with their gnuplot\nscripts; `make` there draws them again. With pdf also "
		"report.pdf, by LaTeX; where that is not\ninstalled, figures.pdf. Of a folder of "
		"'tare isolation --report' it makes the tables again.\nNeeds no privileges and "
		"nothing of the machine that was measured. Prints the path of each\nreport. With "
		"--json it prints the summaries.",
	.examples = "tare report results/sample -f md",
	.options = report_options,
	.run = run_report,
};
