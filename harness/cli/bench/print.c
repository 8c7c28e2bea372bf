/* SPDX-License-Identifier: MIT */
/* What people read of a bench: a table, on the terminal or as Markdown, and lines for R. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/bench/document.h"
#include "cli/table.h"

#define NS_PER_US_D 1e3
#define NS_PER_S_D  1e9
#define US_PER_S_D  1e6

/* "n=1 file=/x" */
static void name_point(const json_t *parameters, char *buf, size_t size)
{
	size_t used = 0;
	const char *key;
	json_t *value;

	buf[0] = '\0';
	/* jansson has no way through an object that leaves it const. */
	json_object_foreach((json_t *)(uintptr_t)parameters, key, value) /* NOLINT */
		if (used < size) used +=
		(size_t)snprintf(buf + used, size - used, "%s%s=%s", used ? " " : "", key,
				 json_string_value(value));
}

static const json_t *ratio_of(const json_t *document, const json_t *cell)
{
	const json_t *ratio;
	size_t i;

	json_array_foreach(json_object_get(document, "ratios"), i, ratio)
	{
		if (json_equal(json_object_get(ratio, "env"), json_object_get(cell, "env")) &&
		    json_equal(json_object_get(ratio, "parameters"),
			       json_object_get(cell, "parameters")))
			return ratio;
	}
	return NULL;
}

/* Emulation is never shown without its name. */
static void put_name(struct table *t, const json_t *cell)
{
	const char *accel = json_string_or(cell, "accel", NULL);
	const char *boot = json_string_or(cell, "boot", NULL);

	if (!accel)
		table_cell(t, 0, TONE_PLAIN, "%s", json_string_or(cell, "env", ""));
	else
		table_cell(t, 0, TONE_PLAIN, "%s (%s, %s)", json_string_or(cell, "env", ""),
			   strcmp(accel, "tcg") == 0 ? "TCG" : accel, boot ? boot : "?");
}

static void put_range(struct table *t, size_t column, const json_t *wall)
{
	char low[32], high[32];

	if (json_u64_or(wall, "rounds", 0) == 0)
		table_cell(t, column, TONE_PLAIN, "-");
	else
		table_cell(t, column, TONE_PLAIN, "%s ... %s",
			   units_print_ns(json_double_or(wall, "min", NAN), low, sizeof(low)),
			   units_print_ns(json_double_or(wall, "max", NAN), high, sizeof(high)));
}

static int put_row(struct table *t, const json_t *document, const json_t *cell,
		   struct tare_err *err)
{
	const json_t *ratio = ratio_of(document, cell);
	const json_t *wall = json_object_get(cell, "wall_ns");
	char text[160];
	int r = table_row(t, err);

	if (r < 0)
		return r;
	put_name(t, cell);
	name_point(json_object_get(cell, "parameters"), text, sizeof(text));
	table_cell(t, 1, TONE_PLAIN, "%s", text);
	table_cell(t, 2, TONE_PLAIN, "%s", table_time(wall, 1, text, sizeof(text)));
	put_range(t, 3, wall);
	for (size_t c = 4; c < 6; c++)
		table_cell(t, c, TONE_PLAIN, "%s",
			   table_median(json_object_get(cell, c == 4 ? "user_us" : "system_us"),
					NS_PER_US_D, text, sizeof(text)));
	if (!ratio) {
		table_cell(t, 6, TONE_PLAIN, "1");
		table_cell(t, 7, TONE_QUIET, "baseline");
		return 0;
	}
	table_cell(t, 6, TONE_PLAIN, "%s", table_ratio(ratio, text, sizeof(text)));
	table_cell(t, 7, table_tone(json_string_or(ratio, "verdict", "")), "%s",
		   json_string_or(ratio, "verdict", ""));
	return 0;
}

static int make_table(const json_t *document, struct table *t, struct tare_err *err)
{
	const json_t *cell;
	size_t i;

	*t = (struct table){.n_columns = 8,
			    .head = {"environment", "parameters", "time [95 %]", "range", "user",
				     "system", "ratio [95 %]", "verdict"},
			    .number = {[2] = true, [4] = true, [5] = true, [6] = true}};
	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		int r = put_row(t, document, cell, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static size_t count_rounds(const json_t *document, bool counting)
{
	const json_t *round;
	size_t n = 0, i;

	json_array_foreach(json_object_get(document, "rounds"), i, round) n +=
		json_bool_or(round, "counts", false) == counting;
	return n;
}

static size_t count_failures(const json_t *document)
{
	const json_t *cell;
	size_t n = 0, i;

	json_array_foreach(json_object_get(document, "cells"), i, cell) n +=
		json_u64_or(cell, "failures", 0);
	return n;
}

void bench_print(const json_t *document)
{
	size_t n = count_rounds(document, true), lost = count_rounds(document, false),
	       failures = count_failures(document);
	cleanup_table struct table t = {0};

	if (make_table(document, &t, NULL) < 0)
		return;
	table_print(&t, stdout);
	(void)printf("\n%zu round%s, seed %llu", n, n == 1 ? "" : "s",
		     (unsigned long long)json_u64_or(document, "seed", 0));
	if (lost)
		(void)printf("; %zu more count for nothing (void or not played to their end)",
			     lost);
	if (failures)
		(void)printf("; %zu runs failed and count as any other", failures);
	(void)printf("\n");
}

int bench_export_markdown(const json_t *document, FILE *to, struct tare_err *err)
{
	struct doc doc = {.out = to, .ops = &doc_markdown};
	cleanup_table struct table t = {0};
	int r = make_table(document, &t, err);

	if (r == 0)
		doc.ops->table(&doc, &t);
	return r;
}

/* RFC 4180. */
static void put_field(FILE *to, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		(void)fprintf(to, "%s,", text);
		return;
	}
	(void)fputc('"', to);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', to);
		(void)fputc(*text, to);
	}
	(void)fputs("\",", to);
}

int bench_export_csv(const json_t *document, FILE *to, struct tare_err *err)
{
	const json_t *parameters = json_object_get(document, "parameters"), *run, *p;
	size_t i, k;

	(void)err;
	(void)fputs("environment,", to);
	json_array_foreach(parameters, k, p)(void)
		fprintf(to, "parameter_%s,", json_string_or(p, "name", ""));
	(void)fputs("round,position,counts,wall_s,user_s,system_s,status,signal\n", to);
	json_array_foreach(json_object_get(document, "runs"), i, run)
	{
		const json_t *end = json_object_get(run, "exit");
		uint64_t round = json_u64_or(run, "round", 0);
		bool counts =
			json_bool_or(json_array_get(json_object_get(document, "rounds"), round),
				     "counts", false);

		put_field(to, json_string_or(run, "env", ""));
		json_array_foreach(parameters, k, p)
			put_field(to, json_string_or(json_object_get(run, "parameters"),
						     json_string_or(p, "name", ""), ""));
		(void)fprintf(to, "%llu,%llu,%s,%.9f,%.6f,%.6f,", (unsigned long long)round,
			      (unsigned long long)json_u64_or(run, "position", 0),
			      counts ? "TRUE" : "FALSE",
			      json_double_or(run, "wall_ns", NAN) / NS_PER_S_D,
			      json_double_or(run, "user_us", NAN) / US_PER_S_D,
			      json_double_or(run, "system_us", NAN) / US_PER_S_D);
		if (json_object_get(end, "signal"))
			(void)fprintf(to, ",%llu\n",
				      (unsigned long long)json_u64_or(end, "signal", 0));
		else
			(void)fprintf(to, "%llu,\n",
				      (unsigned long long)json_u64_or(end, "status", 0));
	}
	return 0;
}
