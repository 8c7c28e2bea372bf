/* SPDX-License-Identifier: MIT */
/* A comparison as JUnit's XML. Texts are printable (ASCII), since XML 1.0 cannot hold all of
 * Unicode, and escaped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "report/compare.h"
#include "report/svg.h"

static void put_text(FILE *out, const char *text)
{
	cleanup_free char *copy = strdup(text);

	svg_escape(out, copy ? text_make_printable(copy) : "?");
}

static void put_attribute(FILE *out, const char *name, const char *text)
{
	(void)fprintf(out, " %s=\"", name);
	put_text(out, text);
	(void)fputc('"', out);
}

static void put_case(FILE *out, const json_t *row)
{
	const char *metric = json_string_or(row, "metric", "");
	const char *sentence = json_string_or(row, "sentence", "");
	const char *verdict = json_string_or(row, "verdict", "not in both runs");
	bool counts = json_bool_or(row, "regression", false);
	cleanup_free char *load = compare_load(row);
	cleanup_free char *name =
		text_format("%s %s%s%s (%s, %s)", json_string_or(row, "shown", ""),
			    load ? load : "?", *metric ? " " : "", metric,
			    json_string_or(row, "mode", ""), json_string_or(row, "group", ""));

	(void)fputs("  <testcase", out);
	put_attribute(out, "classname", "tare.compare");
	put_attribute(out, "name", name ? name : "?");
	if (counts) {
		(void)fputs(">\n   <failure", out);
		put_attribute(out, "type", verdict);
	} else if (strcmp(verdict, "equivalent") == 0) {
		(void)fputs(">\n   <system-out>", out);
		put_text(out, sentence);
		(void)fputs("</system-out>\n  </testcase>\n", out);
		return;
	} else {
		/* Neither good nor a failure: faster, inconclusive, not counted, not in both. */
		(void)fputs(">\n   <skipped", out);
	}
	put_attribute(out, "message", sentence);
	(void)fputs("/>\n  </testcase>\n", out);
}

static bool is_of(const json_t *row, const char *kind)
{
	return !kind || strcmp(json_string_or(row, "kind", ""), kind) == 0;
}

/* kind: NULL for all. */
static void put_suite(FILE *out, const char *name, const json_t *rows, const char *kind)
{
	size_t n = 0, failures = 0, i;
	const json_t *row;

	json_array_foreach(rows, i, row)
	{
		n += is_of(row, kind);
		failures += is_of(row, kind) && json_bool_or(row, "regression", false);
	}
	(void)fprintf(out, " <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
		      name, n, failures);
	json_array_foreach(rows, i, row)
	{
		if (is_of(row, kind))
			put_case(out, row);
	}
	(void)fputs(" </testsuite>\n", out);
}

int compare_write_junit(const json_t *comparison, const char *path, struct tare_err *err)
{
	const json_t *changes = json_object_get(comparison, "changes");
	cleanup_newfile struct newfile file = {0};
	int r = newfile_open(path, &file, err);
	FILE *out = file.file;

	if (r < 0)
		return r;
	(void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	put_attribute(out, "name", "tare compare");
	(void)fputs(">\n", out);
	for (int kind = 0; kind < COMPARE_N_KINDS; kind++)
		put_suite(out, compare_kind_name((enum compare_kind)kind), changes,
			  compare_kind_name((enum compare_kind)kind));
	put_suite(out, "not in both", json_object_get(comparison, "not_in_both"), NULL);
	(void)fputs("</testsuites>\n", out);
	return newfile_commit(&file, err);
}
