/* SPDX-License-Identifier: MIT */
/* The merged grades as a table for people and as one for spreadsheets. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "lab/run/grade.h"
#include "report/doc.h"

static const char *const items[] = {"predicted", "right",  "complete",
				    "resolved",  "intact", "explained"};
#define N_ITEMS   (sizeof(items) / sizeof(*items))
#define N_BY_DATA (N_ITEMS - 1) /* the last one is a person's to give: spreadsheets have it */

static const json_t *item_of(const json_t *row, const char *id)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(row, "rubric"), i, item)
	{
		if (strcmp(json_string_or(item, "id", ""), id) == 0)
			return item;
	}
	return NULL;
}

/* "2"; "" for what a person grades, or what there is not. */
static const char *earned_text(const json_t *row, const char *id, char buf[24])
{
	const json_t *earned = json_object_get(item_of(row, id), "earned");

	buf[0] = '\0';
	if (json_is_integer(earned))
		(void)snprintf(buf, 24, "%lld", (long long)json_integer_value(earned));
	return buf;
}

static const char *prediction_of(const json_t *row, const char *key)
{
	return json_string_or(json_object_get(row, "prediction"), key, "");
}

static const char *verdict_of(const json_t *row)
{
	return json_string_or(json_object_get(row, "verdict"), "outcome", "");
}

/* "3/4": measured of what could be, points of what there are. */
static void put_share(struct table *table, size_t column, const json_t *object, const char *part,
		      const char *whole)
{
	table_cell(table, column, TONE_PLAIN, "%llu/%llu",
		   (unsigned long long)json_u64_or(object, part, 0),
		   (unsigned long long)json_u64_or(object, whole, 0));
}

int grade_table(const json_t *grades, struct table *ret, struct tare_err *err)
{
	static const char *const head[] = {"student", "lab", "prediction", "verdict", "measured"};
	size_t n = sizeof(head) / sizeof(*head), i;
	const json_t *row;

	memcpy(ret->head, head, sizeof(head));
	for (size_t k = 0; k < N_BY_DATA; k++)
		ret->head[n + k] = items[k];
	ret->head[n + N_BY_DATA] = "points";
	ret->head[n + N_BY_DATA + 1] = "folder";
	ret->n_columns = n + N_BY_DATA + 2;
	json_array_foreach(json_object_get(grades, "submissions"), i, row)
	{
		bool flagged = json_array_size(json_object_get(row, "flags"));
		char earned[24];
		int r = table_row(ret, err);

		if (r < 0)
			return r;
		table_cell(ret, 0, TONE_PLAIN, "%s", json_string_or(row, "student", "?"));
		table_cell(ret, 1, TONE_PLAIN, "%s", json_string_or(row, "lab", "?"));
		table_cell(ret, 2, TONE_PLAIN, "%s", prediction_of(row, "right"));
		table_cell(ret, 3, TONE_PLAIN, "%s", verdict_of(row));
		put_share(ret, 4, json_object_get(row, "complete"), "done", "planned");
		for (size_t k = 0; k < N_BY_DATA; k++)
			table_cell(ret, n + k, TONE_PLAIN, "%s",
				   *earned_text(row, items[k], earned) ? earned : "-");
		put_share(ret, n + N_BY_DATA, json_object_get(row, "points"), "earned", "of");
		table_cell(ret, n + N_BY_DATA + 1, flagged ? TONE_BAD : TONE_PLAIN, "%s",
			   json_string_or(row, "folder", "?"));
	}
	return 0;
}

/* RFC 4180. A spreadsheet would carry out what begins like a formula: a quote before it makes it a
 * text there. */
static void put_field(FILE *f, const char *text, bool last)
{
	(void)fputc('"', f);
	if (*text && strchr("=+-@\t\r", *text))
		(void)fputc('\'', f);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', f);
		(void)fputc(*text, f);
	}
	(void)fputs(last ? "\"\r\n" : "\",", f);
}

static void put_flags(FILE *f, const json_t *row)
{
	cleanup_free char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);
	const json_t *one;

	if (!out)
		return;
	json_array_foreach(json_object_get(row, "flags"), i, one)
	{
		(void)fprintf(out, "%s%s: %s", i ? "; " : "", json_string_or(one, "kind", "?"),
			      json_string_or(one, "what", "?"));
	}
	if (fclose(out) == 0)
		put_field(f, text, true);
}

static void put_number(FILE *f, const json_t *object, const char *key)
{
	(void)fprintf(f, "%llu,", (unsigned long long)json_u64_or(object, key, 0));
}

static void put_row(FILE *f, const json_t *row)
{
	const json_t *complete = json_object_get(row, "complete");
	const json_t *points = json_object_get(row, "points");
	char earned[24];

	put_field(f, json_string_or(row, "student", "?"), false);
	put_field(f, json_string_or(row, "lab", "?"), false);
	put_field(f, json_string_or(row, "folder", "?"), false);
	put_field(f, prediction_of(row, "right"), false);
	put_field(f, prediction_of(row, "predicted"), false);
	put_field(f, prediction_of(row, "answer"), false);
	put_field(f, verdict_of(row), false);
	put_number(f, complete, "done");
	put_number(f, complete, "planned");
	for (size_t i = 0; i < N_ITEMS; i++)
		(void)fprintf(f, "%s,", earned_text(row, items[i], earned));
	put_number(f, points, "earned");
	put_number(f, points, "of");
	put_flags(f, row);
}

int grade_write_csv(const json_t *grades, const char *path, struct tare_err *err)
{
	cleanup_newfile struct newfile file = {0};
	int r = newfile_open(path, &file, err);
	FILE *f = file.file;
	const json_t *row;
	size_t i;

	if (r < 0)
		return r;
	(void)fputs("student,lab,folder,prediction,predicted,answer,verdict,done,planned,", f);
	for (i = 0; i < N_ITEMS; i++)
		(void)fprintf(f, "%s,", items[i]);
	(void)fputs("points,of,flags\r\n", f);
	json_array_foreach(json_object_get(grades, "submissions"), i, row)
	{
		put_row(f, row);
	}
	return newfile_commit(&file, err);
}
