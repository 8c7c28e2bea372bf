/* SPDX-License-Identifier: MIT */
/* The merged grades as a table for people and as one for spreadsheets. */
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "lab/run/grade.h"

static const char *const items[] = {"predicted", "right",  "complete",
				    "resolved",  "intact", "explained"};
#define N_ITEMS (sizeof(items) / sizeof(*items))

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

/* How many columns of a terminal a text takes: bytes that begin a character of UTF-8. */
static int columns_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static int widest(const json_t *rows, const char *key, int least)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		int n = columns_of(json_string_or(row, key, "?"));

		least = n > least ? n : least;
	}
	return least;
}

static void put_padded(FILE *to, const char *text, int width)
{
	(void)fprintf(to, "%s%*s  ", text, width - columns_of(text), "");
}

static void print_flags(const json_t *row, FILE *to)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(row, "flags"), i, one)
	{
		(void)fprintf(to, "    %s: %s\n", json_string_or(one, "kind", "?"),
			      json_string_or(one, "what", "?"));
	}
}

static void print_row(const json_t *row, int student, int lab, FILE *to)
{
	const json_t *complete = json_object_get(row, "complete");
	const json_t *points = json_object_get(row, "points");
	char text[40], earned[24];

	put_padded(to, json_string_or(row, "student", "?"), student);
	put_padded(to, json_string_or(row, "lab", "?"), lab);
	put_padded(to, prediction_of(row, "right"), 10);
	put_padded(to, verdict_of(row), 12);
	(void)snprintf(text, sizeof(text), "%llu/%llu",
		       (unsigned long long)json_u64_or(complete, "done", 0),
		       (unsigned long long)json_u64_or(complete, "planned", 0));
	put_padded(to, text, 8);
	for (size_t i = 0; i < N_ITEMS; i++)
		put_padded(to, *earned_text(row, items[i], earned) ? earned : "-", 9);
	(void)snprintf(text, sizeof(text), "%llu/%llu",
		       (unsigned long long)json_u64_or(points, "earned", 0),
		       (unsigned long long)json_u64_or(points, "of", 0));
	put_padded(to, text, 6);
	(void)fprintf(to, "%s\n", json_string_or(row, "folder", "?"));
	print_flags(row, to);
}

void grade_print(const json_t *grades, FILE *to)
{
	const json_t *rows = json_object_get(grades, "submissions"), *row;
	int student = widest(rows, "student", 7), lab = widest(rows, "lab", 3);
	size_t i;

	put_padded(to, "student", student);
	put_padded(to, "lab", lab);
	put_padded(to, "prediction", 10);
	put_padded(to, "verdict", 12);
	put_padded(to, "measured", 8);
	for (i = 0; i < N_ITEMS; i++)
		put_padded(to, items[i], 9);
	put_padded(to, "points", 6);
	(void)fprintf(to, "folder\n");
	json_array_foreach(rows, i, row)
	{
		print_row(row, student, lab, to);
	}
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
	cleanup_fclose FILE *f = fopen(path, "we");
	const json_t *row;
	size_t i;

	if (!f)
		return err_errno(err, "write '%.200s'", path);
	(void)fputs("student,lab,folder,prediction,predicted,answer,verdict,done,planned,", f);
	for (i = 0; i < N_ITEMS; i++)
		(void)fprintf(f, "%s,", items[i]);
	(void)fputs("points,of,flags\r\n", f);
	json_array_foreach(json_object_get(grades, "submissions"), i, row)
	{
		put_row(f, row);
	}
	return ferror(f) || fflush(f) != 0 ? err_errno(err, "write '%.200s'", path) : 0;
}
