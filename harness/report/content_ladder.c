/* SPDX-License-Identifier: MIT */
/* A section of a ladder: for each load its waterfall, whether the steps add up, and a table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "report/content.h"
#include "report/plot.h"

/* "+0.31 % (-0.02 .. +0.64)" */
static char *print_percent(const json_t *row, char *buf, size_t size)
{
	const json_t *ci = json_object_get(row, "ci");
	double ratio = json_double_or(row, "ratio", NAN);

	if (json_is_array(ci))
		(void)snprintf(buf, size, "%+.2f %% (%+.2f .. %+.2f)", 100 * (ratio - 1),
			       100 * (json_number_value(json_array_get(ci, 0)) - 1),
			       100 * (json_number_value(json_array_get(ci, 1)) - 1));
	else
		(void)snprintf(buf, size, "%+.2f %%", 100 * (ratio - 1));
	return buf;
}

/* Nanoseconds as they are: units would hide that steps of one load are to be added. */
static char *print_added(const json_t *added, char *buf, size_t size)
{
	const json_t *ci = json_object_get(added, "ci");
	double ns = json_double_or(added, "ns", NAN);
	int digits = fabs(ns) < 100 ? 2 : 0;

	if (json_is_array(ci))
		(void)snprintf(buf, size, "%+.*f (%+.*f .. %+.*f)", digits, ns, digits,
			       json_number_value(json_array_get(ci, 0)), digits,
			       json_number_value(json_array_get(ci, 1)));
	else
		(void)snprintf(buf, size, "%+.*f", digits, ns);
	return buf;
}

static int step_table(struct content *c, const json_t *climb, struct tare_err *err)
{
	cleanup_table struct table t = {.n_columns = 6,
					.head = {"step", "ratio to the step before (interval)",
						 "added", "ns added an operation (interval)",
						 "p (Holm)", "verdict"},
					.number = {[1] = true, [2] = true, [3] = true, [4] = true}};
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(climb, "steps"), i, step)
	{
		const char *verdict = json_string_or(step, "verdict", "-");
		char text[160];
		int r = table_row(&t, err);

		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "+ %s", content_env(c, step));
		table_cell(&t, 1, TONE_PLAIN, "%s", content_ratio(step, text, sizeof(text)));
		table_cell(&t, 2, TONE_PLAIN, "%+.2f %%",
			   100 * (json_double_or(step, "ratio", NAN) - 1));
		table_cell(&t, 3, TONE_PLAIN, "%s",
			   print_added(json_object_get(step, "added"), text, sizeof(text)));
		table_cell(&t, 4, TONE_QUIET, "%.2g", json_double_or(step, "p_holm", 1));
		table_cell(&t, 5,
			   strcmp(verdict, "slower") == 0         ? TONE_BAD
			   : strcmp(verdict, "inconclusive") == 0 ? TONE_QUIET
								  : TONE_GOOD,
			   "%s", verdict);
	}
	c->doc.ops->table(&c->doc, &t);
	return 0;
}

/* The table's ratios multiplied: it need not be the product of the rounds, and readers will do it.
 */
static void say_estimates(struct content *c, const json_t *climb)
{
	const json_t *ci = json_object_get(json_object_get(climb, "whole"), "ci");
	double estimates = json_double_or(climb, "of_estimates", NAN);

	if (!json_is_array(ci) || (estimates >= json_number_value(json_array_get(ci, 0)) &&
				   estimates <= json_number_value(json_array_get(ci, 1))))
		return;
	doc_say(&c->doc,
		"The typical ratios of the table multiply to %+.2f %%: a cost that is now in "
		"one "
		"step and now in another is typical of neither; the intervals of such steps are "
		"wide.",
		100 * (estimates - 1));
}

static void say_sum(struct content *c, const json_t *climb)
{
	const json_t *adds = json_object_get(climb, "adds_up");
	char product[160], whole[160], rest[160];

	(void)print_percent(json_object_get(climb, "product"), product, sizeof(product));
	(void)print_percent(json_object_get(climb, "whole"), whole, sizeof(whole));
	(void)print_percent(json_object_get(climb, "rest"), rest, sizeof(rest));
	if (json_is_null(adds))
		doc_say(&c->doc,
			"The steps from %s to %s make %s together; measured directly it is %s. "
			"*Whether they add up is not known:* fewer than 5 rounds have them all.",
			json_string_or(climb, "first", ""), json_string_or(climb, "last", ""),
			product, whole);
	else
		doc_say(&c->doc,
			"The steps from %s to %s make %s together; measured directly it is %s. "
			"*They %s within the interval* (product to whole, round by round: %s).",
			json_string_or(climb, "first", ""), json_string_or(climb, "last", ""),
			product, whole, json_is_true(adds) ? "add up" : "do not add up", rest);
	say_estimates(c, climb);
}

static int one_climb(struct content *c, size_t at, const json_t *climb, struct tare_err *err)
{
	const char *params = json_string_or(climb, "params", "");
	cleanup_free char *title = text_format("%s%s%s", json_string_or(climb, "load", ""),
					       *params ? "," : "", params);
	cleanup_free char *caption = content_caption(
		c, "What each step adds to where those before it led, round by round; bars: the "
		   "interval of at least 95 % of that step; grey: it holds 0; blue: the whole, "
		   "measured "
		   "directly.");
	char name[32];

	if (!title || !caption)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->heading(&c->doc, 3, title);
	say_sum(c, climb);
	plot_set_name("ladder", at, name, sizeof(name));
	c->doc.ops->figure(&c->doc, name, caption);
	return step_table(c, climb, err);
}

int content_ladder(struct content *c, struct tare_err *err)
{
	const json_t *ladder = json_object_get(c->summary, "ladder");
	json_t *climb;
	size_t i;
	int r = 0;

	if (json_array_size(ladder) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "The ladder: where the cost comes from");
	doc_say(&c->doc,
		"Each step is the environment before it and one ingredient more; all took turns in "
		"the same passes. The last step on the host is the container as it is by default, "
		"the same box as the step before: it shows what two equal players differ by. "
		"Verdicts are Holm-corrected over the steps of a load.");
	json_array_foreach(ladder, i, climb)
	{
		r = one_climb(c, i, climb, err);
		if (r < 0)
			break;
	}
	return r;
}
