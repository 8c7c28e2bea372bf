/* SPDX-License-Identifier: MIT */
#include "cli/compare/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/table.h"
#include "report/compare.h"
#include "report/doc.h"

#define LIST_SHOWN 16

/* The names are those of somebody's files, and must not steer the terminal. */
static void print_table(const struct table *t)
{
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		if (t->cells[i])
			(void)text_make_printable(t->cells[i]);
	table_print(t, stdout);
}

static void print_run(const char *letter, const json_t *run)
{
	json_t *folder = json_printable(json_object_get(run, "folder"));

	(void)printf("%s  %s  (%" PRIu64 " rounds, %" PRIu64 " of %" PRIu64 " records count%s)\n",
		     letter, folder ? json_string_value(folder) : "?",
		     json_u64_or(run, "rounds", 0), json_u64_or(run, "counted", 0),
		     json_u64_or(run, "records", 0),
		     json_bool_or(run, "torn", false) ? "; the last line was cut off" : "");
	json_decref(folder);
}

static int print_differences(const json_t *list, bool verbose, struct tare_err *err)
{
	cleanup_table struct table t = {.n_columns = 3,
					.head = {"what else differs", "in A", "in B"}};
	size_t n = json_array_size(list), i;
	const json_t *one;

	json_array_foreach(list, i, one)
	{
		int r = i < LIST_SHOWN || verbose ? table_row(&t, err) : 0;

		if (r < 0)
			return r;
		if (i >= LIST_SHOWN && !verbose)
			break;
		table_cell(&t, 0, TONE_PLAIN, "%.48s", json_string_or(one, "what", ""));
		table_cell(&t, 1, TONE_PLAIN, "%.32s", json_string_or(one, "a", "-"));
		table_cell(&t, 2, TONE_PLAIN, "%.32s", json_string_or(one, "b", "-"));
	}
	(void)putchar('\n');
	if (n == 0)
		(void)printf("Nothing else is known to differ.\n");
	else
		print_table(&t);
	if (n > LIST_SHOWN && !verbose)
		(void)printf("  ... and %zu more: --verbose, --json\n", n - LIST_SHOWN);
	return 0;
}

static enum tone tone_of(const json_t *row)
{
	const char *verdict = json_string_or(row, "verdict", "");

	if (json_bool_or(row, "regression", false))
		return TONE_BAD;
	if (strcmp(verdict, "faster") == 0)
		return TONE_GOOD;
	return text_has_word("inconclusive not-resolvable", " ", verdict) ? TONE_QUIET : TONE_PLAIN;
}

static int print_changes(const json_t *comparison, const char *kind, const char *title,
			 struct tare_err *err)
{
	cleanup_table struct table t = {.n_columns = 7,
					.head = {"environment", "load", "figure", "A", "B",
						 "change (95 % interval)", "verdict"},
					.number = {false, false, false, true, true, true, false}};
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(comparison, "changes"), i, row)
	{
		cleanup_free char *load = NULL;
		char a[64], b[64], change[128];
		int r;

		if (strcmp(json_string_or(row, "kind", ""), kind) != 0)
			continue;
		r = table_row(&t, err);
		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%.40s", json_string_or(row, "shown", ""));
		load = compare_load(row);
		table_cell(&t, 1, TONE_PLAIN, "%.64s", load ? load : "?");
		table_cell(&t, 2, TONE_PLAIN, "%s", json_string_or(row, "metric", ""));
		table_cell(&t, 3, TONE_PLAIN, "%s", compare_value(row, "a", a, sizeof(a)));
		table_cell(&t, 4, TONE_PLAIN, "%s", compare_value(row, "b", b, sizeof(b)));
		table_cell(&t, 5, TONE_PLAIN, "%s", compare_change(row, change, sizeof(change)));
		table_cell(&t, 6, tone_of(row), "%s%s", json_string_or(row, "verdict", ""),
			   json_bool_or(row, "regression", false) ? " (regression)" : "");
	}
	if (t.n_rows == 0)
		return 0;
	(void)printf("\n%s\n", title);
	print_table(&t);
	return 0;
}

static void print_list(const json_t *sentences, const char *before)
{
	const json_t *sentence;
	size_t i;

	json_array_foreach(sentences, i, sentence)
	{
		(void)printf("%s%s\n", before, json_string_value(sentence));
	}
}

static void print_not_in_both(const json_t *list, bool verbose)
{
	size_t n = json_array_size(list), i;
	const json_t *one;

	if (n > 0)
		(void)printf("\nNot compared, as only one of the runs has measured them:\n");
	json_array_foreach(list, i, one)
	{
		if (i < LIST_SHOWN || verbose)
			(void)printf("  %s\n", json_string_or(one, "sentence", ""));
	}
	if (n > LIST_SHOWN && !verbose)
		(void)printf("  ... and %zu more: --verbose, --json\n", n - LIST_SHOWN);
}

static void print_end(const json_t *comparison)
{
	const json_t *findings = json_object_get(comparison, "findings");
	uint64_t n = json_u64_or(comparison, "regressions", 0);
	double effect = json_double_or(comparison, "effect_pct", 0);

	(void)printf("\n");
	print_list(findings, "- ");
	if (json_array_size(json_object_get(comparison, "changes")) == 0)
		(void)printf("The runs have no cell in common: nothing was compared.\n");
	else if (n == 0)
		(void)printf("No regression beyond %g %% was found.\n", effect);
	else
		(void)printf("%" PRIu64 " regression%s beyond %g %%.\n", n, n == 1 ? "" : "s",
			     effect);
}

int compare_print(const json_t *comparison, bool verbose, struct tare_err *err)
{
	static const struct {
		const char *kind, *title;
	} parts[] = {
		{"ratios", "Ratios to the baseline of the same run, whose players took turns: "
			   "sharp."},
		{"times", "Absolute times: what the machine did meanwhile is in them, and the "
			  "intervals are wide."},
		{"figures", "Figures of loads, and of limits at work:"},
	};
	int r;

	print_run("A", json_object_get(comparison, "a"));
	print_run("B", json_object_get(comparison, "b"));
	r = print_differences(json_object_get(comparison, "differences"), verbose, err);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(*parts); i++)
		r = print_changes(comparison, parts[i].kind, parts[i].title, err);
	if (r < 0)
		return r;
	print_not_in_both(json_object_get(comparison, "not_in_both"), verbose);
	if (json_array_size(json_object_get(comparison, "notes")))
		(void)putchar('\n');
	print_list(json_object_get(comparison, "notes"), "Note: ");
	print_end(comparison);
	return 0;
}
