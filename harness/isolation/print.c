/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "isolation/isolation.h"
#include "report/doc.h"
#include "report/report.h"

#define NAME_WIDTH 19

static const json_t *result_of(const json_t *env, size_t row)
{
	return json_array_get(json_object_get(env, "results"), row);
}

static bool is_ok(const json_t *env)
{
	return strcmp(json_string_or(env, "status", ""), "ok") == 0;
}

/* An environment that has the rows: all that could be looked at have the same. */
static const json_t *first_of(const json_t *envs)
{
	json_t *env;
	size_t i;

	json_array_foreach(envs, i, env)
	{
		if (is_ok(env))
			return env;
	}
	return NULL;
}

static size_t rows_of(const json_t *envs)
{
	return json_array_size(json_object_get(first_of(envs), "results"));
}

static const char *name_of(const json_t *envs, size_t row)
{
	return json_string_or(result_of(first_of(envs), row), "name", "?");
}

/* Of one that is not. */
static const char *plight_of(const json_t *env)
{
	return strcmp(json_string_or(env, "status", ""), "unavailable") == 0 ? "is unavailable"
									     : "has failed";
}

/* What stands in the column of an environment. */
static const char *verdict_of(const json_t *env, const json_t *result)
{
	return is_ok(env) ? json_string_or(result, "verdict", "?")
			  : json_string_or(env, "status", "?");
}

static const char *color_of(const json_t *result)
{
	return json_bool_or(result, "leak", false)      ? "\033[31m"
	       : json_bool_or(result, "claimed", false) ? "\033[32m"
							: "";
}

static void print_head(const json_t *envs)
{
	json_t *env;
	size_t i;

	(void)printf("%-*s", NAME_WIDTH, "");
	json_array_foreach(envs, i, env)
	{
		(void)printf("  %-14s", json_string_or(env, "label", "?"));
	}
	(void)printf("\n");
}

/* A cell is at least as wide as its environment's label. */
static void print_cell(const json_t *env, const json_t *result, bool color)
{
	const char *verdict = verdict_of(env, result);
	int width = (int)strlen(json_string_or(env, "label", "?"));

	(void)printf("  %s%-*s%s", color ? color_of(result) : "", width < 14 ? 14 : width, verdict,
		     color ? "\033[0m" : "");
}

static void print_why(const json_t *env, const char *name, const json_t *result)
{
	if (json_bool_or(result, "leak", false))
		(void)printf("  LEAK in %s: %s: %s\n", json_string_or(env, "label", "?"), name,
			     json_string_or(result, "evidence", ""));
}

static void print_rows(const json_t *envs, bool color)
{
	size_t rows = rows_of(envs);
	json_t *env;
	size_t i;

	for (size_t row = 0; row < rows; row++) {
		const char *name = name_of(envs, row);

		(void)printf("%-*s", NAME_WIDTH, name);
		json_array_foreach(envs, i, env)
		{
			print_cell(env, result_of(env, row), color);
		}
		(void)printf("\n");
		json_array_foreach(envs, i, env)
		{
			print_why(env, name, result_of(env, row));
		}
	}
}

static void print_proofs(const json_t *proofs)
{
	json_t *one;
	size_t i;

	if (json_array_size(proofs))
		(void)printf("\nWith the protection switched off:\n");
	json_array_foreach(proofs, i, one)
	{
		(void)printf("%-*s  %-14s  %s, %s: %s\n", NAME_WIDTH,
			     json_string_or(one, "name", "?"), json_string_or(one, "verdict", "?"),
			     json_string_or(one, "where", "?"),
			     json_string_or(one, "environment", "?"),
			     json_string_or(one, "evidence", ""));
	}
}

static void print_users(const json_t *envs)
{
	json_t *env;
	size_t i;

	json_array_foreach(envs, i, env)
	{
		if (json_is_integer(json_object_get(env, "user_outside")))
			(void)printf("%s%s: root inside is user %lld outside, by the kernel's word "
				     "on who wrote this\n",
				     i ? "" : "\n", json_string_or(env, "label", "?"),
				     json_integer_value(json_object_get(env, "user_outside")));
	}
}

static void print_missing(const json_t *envs)
{
	json_t *env;
	size_t i;

	json_array_foreach(envs, i, env)
	{
		if (!is_ok(env))
			(void)printf("%s %s: %s\n", json_string_or(env, "label", "?"),
				     plight_of(env), json_string_or(env, "why", "?"));
	}
}

void isolation_print(const json_t *result, bool color)
{
	const json_t *envs = json_object_get(result, "environments");

	print_head(envs);
	print_rows(envs, color);
	print_users(envs);
	print_missing(envs);
	print_proofs(json_object_get(result, "proofs"));
}

static enum tone tone_of(const json_t *result)
{
	if (json_bool_or(result, "leak", false))
		return TONE_BAD;
	return json_bool_or(result, "claimed", false) ? TONE_GOOD : TONE_PLAIN;
}

/* The environments from first on beside each other, as many as a table has columns for. */
static int write_columns(struct doc *doc, const json_t *envs, size_t first, struct tare_err *err)
{
	size_t left = json_array_size(envs) - first, rows = rows_of(envs);
	size_t columns = left < TABLE_COLUMNS - 1 ? left : TABLE_COLUMNS - 1;
	cleanup_table struct table table = {.n_columns = columns + 1, .head = {"probe"}};

	for (size_t c = 0; c < columns; c++)
		table.head[c + 1] = json_string_or(json_array_get(envs, first + c), "label", "?");
	for (size_t row = 0; row < rows; row++) {
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", name_of(envs, row));
		for (size_t c = 0; c < columns; c++) {
			const json_t *env = json_array_get(envs, first + c);
			const json_t *one = result_of(env, row);

			table_cell(&table, c + 1, is_ok(env) ? tone_of(one) : TONE_QUIET, "%s",
				   verdict_of(env, one));
		}
	}
	doc->ops->table(doc, &table);
	return 0;
}

int isolation_table(const json_t *result, struct doc *doc, struct tare_err *err)
{
	const json_t *envs = json_object_get(result, "environments");
	int r = 0;

	for (size_t first = 0; r == 0 && first < json_array_size(envs); first += TABLE_COLUMNS - 1)
		r = write_columns(doc, envs, first, err);
	return r;
}

static int write_evidence(struct doc *doc, const json_t *env, struct tare_err *err)
{
	cleanup_table struct table table = {.n_columns = 3,
					    .head = {"probe", "verdict", "evidence"}};
	json_t *one;
	size_t i;

	if (!is_ok(env)) {
		doc_say(doc, "*%s* %s: %s", json_string_or(env, "label", "?"), plight_of(env),
			json_string_or(env, "why", "?"));
		return 0;
	}
	json_array_foreach(json_object_get(env, "results"), i, one)
	{
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", json_string_or(one, "name", "?"));
		table_cell(&table, 1, tone_of(one), "%s", json_string_or(one, "verdict", "?"));
		table_cell(&table, 2, TONE_PLAIN, "%s", json_string_or(one, "evidence", ""));
	}
	doc->ops->fold(doc, json_string_or(env, "label", "?"));
	doc->ops->table(doc, &table);
	doc->ops->fold_end(doc);
	return 0;
}

static int write_proofs(struct doc *doc, const json_t *proofs, struct tare_err *err)
{
	cleanup_table struct table table = {.n_columns = 4,
					    .head = {"probe", "where", "verdict", "evidence"}};
	json_t *one;
	size_t i;

	if (!json_array_size(proofs))
		return 0;
	json_array_foreach(proofs, i, one)
	{
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", json_string_or(one, "name", "?"));
		table_cell(&table, 1, TONE_PLAIN, "%s, %s", json_string_or(one, "where", "?"),
			   json_string_or(one, "environment", "?"));
		table_cell(&table, 2, json_bool_or(one, "shown", false) ? TONE_GOOD : TONE_QUIET,
			   "%s", json_string_or(one, "verdict", "?"));
		table_cell(&table, 3, TONE_PLAIN, "%s", json_string_or(one, "evidence", ""));
	}
	doc->ops->heading(doc, 2, "With the protection switched off");
	doc_say(doc, "Each attack was seen to work where nothing holds it back. What would change "
		     "the machine was only done in a guest, which was thrown away.");
	doc->ops->table(doc, &table);
	return 0;
}

static int write_body(struct doc *doc, const json_t *result, struct tare_err *err)
{
	const json_t *envs = json_object_get(result, "environments");
	json_t *env;
	size_t i;
	int r;

	doc->ops->begin(doc, "Isolation: what can be seen and done from inside");
	doc_say(doc,
		"A name is *private* when nothing of what a plain process outside lists is seen "
		"inside, *shared* when all of it is. Attacks were really attempted from inside. "
		"On the host, those whose success would change the machine go as far as opening "
		"for writing, and only inside of a box that claims to hold them back.");
	r = isolation_table(result, doc, err);
	doc->ops->heading(doc, 2, "Evidence");
	json_array_foreach(envs, i, env)
	{
		if (r == 0)
			r = write_evidence(doc, env, err);
	}
	if (r == 0)
		r = write_proofs(doc, json_object_get(result, "proofs"), err);
	doc->ops->end(doc);
	return r;
}

static int write_file(const char *dir, const char *name, const struct doc_ops *ops,
		      const json_t *result, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", dir, name);
	cleanup_fclose FILE *f = path ? fopen(path, "we") : NULL;
	struct doc doc = {.out = f, .ops = ops, .plots_dir = dir};
	int r;

	if (!f)
		return err_errno(err, "write '%s/%s'", dir, name);
	r = write_body(&doc, result, err);
	if (r == 0 && (ferror(f) || fflush(f) != 0))
		return err_errno(err, "write '%s'", path);
	return r;
}

static int write_tables(const json_t *result, const char *dir, unsigned int formats,
			struct tare_err *err)
{
	int r = 0;

	if (formats & REPORT_HTML)
		r = write_file(dir, "index.html", &doc_html, result, err);
	if (r == 0 && (formats & REPORT_MARKDOWN))
		r = write_file(dir, "report.md", &doc_markdown, result, err);
	return r;
}

int isolation_report(const json_t *result, const char *dir, unsigned int formats,
		     struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/" ISOLATION_FILE, dir);
	int r = fd_make_dirs(dir, err);

	if (r == 0)
		r = path ? newfile_write_json(path, result, JSON_INDENT(2), err)
			 : err_set(err, ENOMEM, "out of memory");
	return r < 0 ? r : write_tables(result, dir, formats, err);
}

bool isolation_is_in(const char *dir)
{
	cleanup_free char *path = text_format("%s/" ISOLATION_FILE, dir);

	return path && access(path, F_OK) == 0;
}

int isolation_report_again(const char *dir, unsigned int formats, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/" ISOLATION_FILE, dir);
	cleanup_json json_t *result = NULL;
	int r = path ? json_read_file(path, &result, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	if (strcmp(json_string_or(result, "schema", ""), "tare.isolation/1") != 0)
		return err_set(err, EBADMSG,
			       "'%s' is no result of tare isolation: its schema is another", path);
	if (!(formats & (REPORT_HTML | REPORT_MARKDOWN)))
		return err_set(err, EINVAL,
			       "'%s' has no figures to write as csv: use -f html or -f md", path);
	return write_tables(result, dir, formats, err);
}
