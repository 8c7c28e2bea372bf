/* SPDX-License-Identifier: MIT */
/* Events as perf counted them, with what was scaled, and why some were not counted. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/content.h"

static void put_figures(struct table *t, const json_t *row)
{
	double enabled = json_double_or(row, "enabled_ns", 0);
	char text[32];

	for (size_t i = 3; i < 8; i++)
		table_cell(t, i, TONE_QUIET, "-");
	if (!json_object_get(row, "scaled"))
		return;
	table_cell(t, 3, TONE_PLAIN, "%.0f", json_double_or(row, "scaled", NAN));
	table_cell(t, 4, TONE_PLAIN, "%s",
		   content_number(json_double_or(row, "per_op", NAN), text, sizeof(text)));
	if (json_is_number(json_object_get(row, "ratio")))
		table_cell(t, 5, TONE_PLAIN, "%.3g", json_double_or(row, "ratio", NAN));
	if (json_is_number(json_object_get(row, "of_first")))
		table_cell(t, 6, TONE_PLAIN, "%.4g of %s", json_double_or(row, "of_first", NAN),
			   json_string_or(row, "first", ""));
	if (enabled > 0)
		table_cell(t, 7, TONE_PLAIN, "%.4g %%",
			   100 * json_double_or(row, "running_ns", 0) / enabled);
}

static int put_event(const struct content *c, struct table *t, const json_t *row,
		     struct tare_err *err)
{
	const char *state = json_string_or(row, "state", ""), *why = json_string_or(row, "why", "");
	bool good = strcmp(state, "counted") == 0;
	bool scaled = strcmp(state, "multiplexed") == 0;
	int r = content_begin_row(c, t, row, err);

	if (r < 0)
		return r;
	table_cell(t, 2, TONE_PLAIN, "%s%s", json_string_or(row, "event", ""),
		   strcmp(json_string_or(row, "counted_in", ""), "inherit") == 0 ? " (inherit)"
										 : "");
	put_figures(t, row);
	table_cell(t, 8, good || scaled ? TONE_QUIET : TONE_BAD, "%s%s%s%s", state,
		   scaled ? ", scaled" : "", *why ? ": " : "", why);
	return 0;
}

int content_counters(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "counters");
	cleanup_table struct table t = {
		.n_columns = 9,
		.head = {"environment", "load", "event", "count", "an operation",
			 "against the baseline", "within its group", "had a counter", "state"},
		.number = {[3] = true, [4] = true, [5] = true, [6] = true, [7] = true}};
	int r;

	if (json_array_size(rows) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "Events, as perf counted them");
	doc_say(&c->doc,
		"From observed rounds of their own, all together, lead-ins and turns included: of "
		"all that ran in the cgroup or, where it says *inherit*, of the player and what it "
		"started. An event that had to share the processor's counters is *multiplexed*: "
		"its count "
		"is scaled up from the time that it had one. Ratios within a group hold also then, "
		"for its events had theirs at the same time. *suspect*: it opened, but what must "
		"have "
		"counted shows 0.");
	r = content_add_rows(c, &t, rows, put_event, err);
	if (r < 0)
		return r;
	content_fold_table(c, "Counts of each event", &t);
	return 0;
}
