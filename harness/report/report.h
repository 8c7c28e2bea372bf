/* SPDX-License-Identifier: MIT */
#pragma once
/* report: summary.json and report/ of a run's folder, made from its manifest and records alone,
 * on any machine, without privileges. */

#include <stddef.h>

struct tare_err;

enum report_format {
	REPORT_HTML = 1 << 0,
	REPORT_MARKDOWN = 1 << 1,
	REPORT_CSV = 1 << 2,
	REPORT_PDF = 1 << 3,
	/* What needs nothing that is not here. */
	REPORT_ALL = REPORT_HTML | REPORT_MARKDOWN | REPORT_CSV,
};

struct report_result {
	char path[4096];    /* the report to look at first: report/index.html, ... */
	size_t n_trials;    /* that were read */
	char no_plots[256]; /* why there are no plots, in a sentence; "" when there are */
	char no_pdf[256];   /* why report.pdf, which was asked for, is not there; "" when it is */
};

/* Writes RUN/summary.json and RUN/report/. -EBADMSG: what is there is no run, and the sentence
 * names the file and the line. */
int report_make(const char *run_dir, unsigned int formats, struct report_result *ret,
		struct tare_err *err);
/* "html,md,csv,pdf" */
int report_parse_formats(const char *text, unsigned int *ret, struct tare_err *err);
