/* SPDX-License-Identifier: MIT */
/* Whether the run is to be believed: order and drift, disturbances, failures; and what else
 * differs between the environments. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "report/content.h"
#include "report/plot.h"

/* The same of labels, with what must be said with them. */
static void put_envs(const struct content *c, struct table *t, size_t column, const json_t *labels)
{
	cleanup_json json_t *shown = json_array();

	for (size_t i = 0; i < json_array_size(labels); i++) {
		cleanup_json json_t *row = json_pack("{s:O}", "env", json_array_get(labels, i));

		(void)json_array_append_new(shown, json_string(content_env(c, row)));
	}
	content_put_list(t, column, shown);
}

static int failures(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "failures");
	cleanup_table struct table t = {
		.n_columns = 6,
		.head = {"environment", "load", "group", "status", "why", "trials"},
		.number = {[5] = true}};
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 3, "Failed, void and unsupported");
	json_array_foreach(rows, i, row)
	{
		const char *params = json_string_or(row, "params", "");
		int r = table_row(&t, err);

		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", content_env(c, row));
		table_cell(&t, 1, TONE_PLAIN, "%s%s%s", json_string_or(row, "load", ""),
			   *params ? "," : "", params);
		table_cell(&t, 2, TONE_QUIET, "%s", json_string_or(row, "group", ""));
		table_cell(&t, 3, TONE_BAD, "%s", json_string_or(row, "status", ""));
		table_cell(&t, 4, TONE_PLAIN, "%s", json_string_or(row, "why", ""));
		table_cell(&t, 5, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(row, "count", 0));
	}
	c->doc.ops->table(&c->doc, &t);
	return 0;
}

static int disturbances(struct content *c, struct tare_err *err)
{
	cleanup_table struct table t = {
		.n_columns = 3, .head = {"what", "environments", "trials"}, .number = {[2] = true}};
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(c->summary, "validity"), i, row)
	{
		int r = table_row(&t, err);

		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", json_string_or(row, "what", ""));
		put_envs(c, &t, 1, json_object_get(row, "envs"));
		table_cell(&t, 2, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(row, "count", 0));
	}
	if (t.n_rows)
		c->doc.ops->table(&c->doc, &t);
	else
		doc_say(&c->doc, "Nothing disturbed a trial, and no collector lost an event.");
	return 0;
}

int content_validity(struct content *c, struct tare_err *err)
{
	const json_t *records = json_object_get(c->summary, "records");
	cleanup_free char *what = text_format(
		"Each timed trial in the order of the run, against the median of its cell "
		"(n = %zu trials in all); log axis.",
		plot_order_trials(c->run));
	cleanup_free char *caption = what ? content_caption(c, what) : NULL;
	int r;

	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->heading(&c->doc, 2, "Validity");
	c->doc.ops->figure(&c->doc, "order", caption);
	doc_say(&c->doc,
		"%llu trials: %llu ok, %llu failed, %llu unsupported, %llu void; %llu were taken "
		"back by "
		"a resumed run and carried out again.%s",
		(unsigned long long)json_u64_or(records, "all", 0),
		(unsigned long long)json_u64_or(records, "ok", 0),
		(unsigned long long)json_u64_or(records, "failed", 0),
		(unsigned long long)json_u64_or(records, "unsupported", 0),
		(unsigned long long)json_u64_or(records, "void", 0),
		(unsigned long long)json_u64_or(records, "superseded", 0),
		json_bool_or(records, "torn", false)
			? " The last line of records.jsonl was cut off by a crash and is left out."
			: "");
	r = disturbances(c, err);
	return r < 0 ? r : failures(c, err);
}
