/* SPDX-License-Identifier: MIT */
/* What the run would have found, and what it would have found in vain. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/content.h"

/* "2 of 24 comparisons (8 %, 95 % interval 1 to 27 %)" */
static char *share(const json_t *tally, char *buf, size_t size)
{
	const json_t *ci = json_object_get(tally, "ci");

	(void)snprintf(buf, size,
		       "%llu of %llu comparison%s (%.0f %%, 95 %% interval %.0f to %.0f %%)",
		       (unsigned long long)json_u64_or(tally, "found", 0),
		       (unsigned long long)json_u64_or(tally, "comparisons", 0),
		       json_u64_or(tally, "comparisons", 0) == 1 ? "" : "s",
		       100 * json_double_or(tally, "share", 0),
		       100 * json_number_value(json_array_get(ci, 0)),
		       100 * json_number_value(json_array_get(ci, 1)));
	return buf;
}

void content_put_self_test(const struct content *c, FILE *out)
{
	const json_t *self_test = json_object_get(c->summary, "self_test");
	const json_t *same = json_object_get(self_test, "false_alarms");
	const json_t *power;
	char text[128];
	size_t i;

	if (json_u64_or(same, "comparisons", 0) == 0)
		return;
	(void)fprintf(out, "*Self-test*: false alarms in %s", share(same, text, sizeof(text)));
	json_array_foreach(json_object_get(self_test, "power"), i, power)
	{
		(void)fprintf(out, "%s of %.3g %% was found in %s", i ? "," : "; a known slowdown",
			      json_double_or(power, "slowdown_pct", 0),
			      share(power, text, sizeof(text)));
	}
	(void)fprintf(out, ". ");
}

static int add_row(const struct content *c, struct table *t, const json_t *row,
		   struct tare_err *err)
{
	double asked = json_double_or(row, "slowdown_pct", 0);
	const char *verdict = json_string_or(row, "verdict", "");
	bool slower = strcmp(verdict, "slower") == 0;
	bool called = slower || strcmp(verdict, "faster") == 0;
	bool odd = json_bool_or(row, "excludes_1", false);
	char text[RUN_NAME_MAX];
	int r = table_row(t, err);

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", content_label(c, json_string_or(row, "of", "")));
	table_cell(t, 1, TONE_PLAIN, "%s", content_set(row, text, sizeof(text)));
	table_cell(t, 2, TONE_PLAIN, "nothing");
	if (asked > 0)
		table_cell(t, 2, TONE_PLAIN, "%+.3g %%", json_double_or(row, "known_pct", NAN));
	table_cell(t, 3, TONE_PLAIN, "%s", content_ratio(row, text, sizeof(text)));
	table_cell(t, 4, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(row, "rounds", 0));
	table_cell(t, 5, TONE_PLAIN, "%s", verdict);
	if (asked > 0)
		table_cell(t, 6, slower ? TONE_GOOD : TONE_BAD, slower ? "found" : "missed");
	else if (odd)
		table_cell(t, 6, TONE_BAD, called ? "false alarm" : "excludes 1");
	return 0;
}

int content_self_test(struct content *c, struct tare_err *err)
{
	const json_t *self_test = json_object_get(c->summary, "self_test"), *row;
	cleanup_table struct table t = {.n_columns = 7,
					.head = {"environment", "load", "added to each operation",
						 "ratio (interval)", "rounds", "verdict", "so"},
					.number = {[2] = true, [3] = true, [4] = true}};
	char text[128];
	size_t i;
	int r;

	if (json_array_size(json_object_get(self_test, "rows")) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "Self-test");
	doc_say(&c->doc,
		"In the same passes each environment took part once more under another label, and "
		"the baseline also with time added to each operation, a share that is known. The "
		"statistics do not know which they are. *False alarms*: the intervals of "
		"equal environments exclude 1 in %s, where 5 %% are to be expected; "
		"%llu were called slower or faster.",
		share(json_object_get(self_test, "false_alarms"), text, sizeof(text)),
		(unsigned long long)json_u64_or(json_object_get(self_test, "false_alarms"),
						"called", 0));
	json_array_foreach(json_object_get(self_test, "power"), i, row)
	{
		doc_say(&c->doc, "*Power*: a slowdown of %.3g %% was called slower in %s.",
			json_double_or(row, "slowdown_pct", 0), share(row, text, sizeof(text)));
	}
	r = content_add_rows(c, &t, json_object_get(self_test, "rows"), add_row, err);
	if (r < 0)
		return r;
	content_fold_table(c, "What is known, and what was found", &t);
	return 0;
}
