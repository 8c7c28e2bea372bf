/* SPDX-License-Identifier: MIT */
/* page: a submission as index.html and report.md. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "report/doc.h"

static void say_head(struct doc *doc, const struct lab_ops *lab, const json_t *submission)
{
	const json_t *machine = json_object_get(submission, "machine");
	const char *kernel = json_string_or(machine, "kernel", "?");

	doc_say(doc, "*%s*, on %s (%s, kernel %.*s), %s; seed %llu, tare %s.%s",
		json_string_or(submission, "student", "?"),
		json_string_or(machine, "hostname", "an unknown machine"),
		json_string_or(machine, "cpu_model", "unknown CPU"), (int)strcspn(kernel, " "),
		kernel, json_string_or(submission, "ended", "?"),
		(unsigned long long)json_u64_or(submission, "seed", 0),
		json_string_or(json_object_get(submission, "tare"), "version", "?"),
		json_bool_or(submission, "quick", false)
			? " *By --quick: for trying out, not for handing in.*"
			: "");
	doc_say(doc, "%s", lab->aim);
}

static void say_question(struct doc *doc, const struct lab_ops *lab, const json_t *submission)
{
	const json_t *prediction = json_object_get(submission, "prediction");
	char predicted[256], told[256];

	doc->ops->heading(doc, 2, "Question, prediction and answer");
	doc_say(doc, "%s", lab->question);
	for (const struct lab_choice *c = lab->choices; c && c->key; c++)
		doc_say(doc, "*%s:* %s", c->key, c->text);
	doc_say(doc, "*Predicted* %s: %s", json_string_or(prediction, "at", "?"),
		lab_answer_text(lab, json_object_get(prediction, "value"), predicted,
				sizeof(predicted)));
	doc_say(doc, "*Answer of the data:* %s",
		lab_answer_text(lab, json_object_get(submission, "answer"), told, sizeof(told)));
}

static int put_figures(struct doc *doc, const json_t *submission, struct tare_err *err)
{
	cleanup_table struct table table = {
		.n_columns = 4,
		.head = {"what", "value (interval of at least 95 %)", "n", "to be said with it"},
		.number = {[1] = true, [2] = true}};
	const json_t *figure;
	size_t i;

	json_array_foreach(json_object_get(submission, "figures"), i, figure)
	{
		char text[128];
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", json_string_or(figure, "what", "?"));
		table_cell(&table, 1, TONE_PLAIN, "%s",
			   lab_figure_text(figure, text, sizeof(text)));
		table_cell(&table, 2, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(figure, "n", 0));
		table_cell(&table, 3, TONE_QUIET, "%s", json_string_or(figure, "note", ""));
	}
	if (table.n_rows)
		doc->ops->table(doc, &table);
	return 0;
}

static void say_missing(struct doc *doc, const json_t *submission)
{
	const json_t *missing = json_object_get(submission, "missing"), *one;
	size_t i;

	if (json_array_size(missing) == 0)
		return;
	doc->ops->heading(doc, 2, "What could not be had here");
	json_array_foreach(missing, i, one)
	{
		doc_say(doc, "*%s:* %s", json_string_or(one, "what", "?"),
			json_string_or(one, "why", "?"));
	}
}

static int put_rubric(struct doc *doc, const json_t *submission, struct tare_err *err)
{
	cleanup_table struct table table = {.n_columns = 4,
					    .head = {"what is graded", "earned", "of", "why"},
					    .number = {[1] = true, [2] = true}};
	const json_t *points = json_object_get(submission, "points"), *item;
	size_t i;

	json_array_foreach(json_object_get(submission, "rubric"), i, item)
	{
		const json_t *earned = json_object_get(item, "earned");
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", json_string_or(item, "what", "?"));
		if (json_is_integer(earned))
			table_cell(&table, 1, TONE_PLAIN, "%lld",
				   (long long)json_integer_value(earned));
		else
			table_cell(&table, 1, TONE_QUIET, "open");
		table_cell(&table, 2, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(item, "points", 0));
		table_cell(&table, 3, TONE_QUIET, "%s", json_string_or(item, "why", ""));
	}
	doc->ops->heading(doc, 2, "Points");
	doc->ops->table(doc, &table);
	doc_say(doc, "%llu of %llu points; %llu more are for a person to give.",
		(unsigned long long)json_u64_or(points, "earned", 0),
		(unsigned long long)json_u64_or(points, "of", 0),
		(unsigned long long)json_u64_or(points, "by_hand", 0));
	return 0;
}

static int write_page(struct doc *doc, const struct lab_ops *lab, const json_t *submission,
		      const struct lab_data *data, struct tare_err *err)
{
	const json_t *verdict = json_object_get(submission, "verdict");
	cleanup_free char *title = text_format("Lab %s: %s", lab->name, lab->summary);
	int r;

	if (!title)
		return err_set(err, ENOMEM, "out of memory");
	doc->ops->begin(doc, title);
	say_head(doc, lab, submission);
	say_question(doc, lab, submission);
	doc->ops->heading(doc, 2, "Claim and verdict");
	doc_say(doc, "%s", lab->claim);
	doc_say(doc, "*Your data:* %s.", json_string_or(verdict, "sentence", "?"));
	r = put_figures(doc, submission, err);
	if (r == 0 && lab->show)
		r = lab->show(data, doc, err);
	if (r < 0)
		return r;
	say_missing(doc, submission);
	doc->ops->heading(doc, 2, "Background");
	doc_say(doc, "%s", lab->background);
	doc->ops->heading(doc, 2, "To be answered in words");
	doc_say(doc, "%s", lab->discuss);
	r = put_rubric(doc, submission, err);
	doc->ops->end(doc);
	return r;
}

static int write_file(const char *name, const struct doc_ops *ops, const struct lab_ops *lab,
		      const json_t *submission, const struct lab_data *data, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", data->dir, name);
	cleanup_free char *plots = text_format("%s/plots", data->dir);
	cleanup_fclose FILE *f = path ? fopen(path, "we") : NULL;
	struct doc doc = {.out = f, .ops = ops, .plots_dir = plots};
	int r;

	if (!plots)
		return err_set(err, ENOMEM, "out of memory");
	if (!f)
		return err_errno(err, "write '%.150s/%s'", data->dir, name);
	r = write_page(&doc, lab, submission, data, err);
	if (r == 0 && (ferror(f) || fflush(f) != 0))
		return err_errno(err, "write '%.200s'", path);
	return r;
}

int lab_report(const struct lab_ops *lab, const json_t *submission, const struct lab_data *data,
	       struct tare_err *err)
{
	int r = write_file("index.html", &doc_html, lab, submission, data, err);

	return r < 0 ? r : write_file("report.md", &doc_markdown, lab, submission, data, err);
}
