/* SPDX-License-Identifier: MIT */
/* What the virtual CPUs of guests left them for. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/content.h"

static double share(const json_t *row, const char *key)
{
	return 100 * json_double_or(row, key, 0) / json_double_or(row, "vcpu_ns", NAN);
}

/* A sentence for each cell: what the picture and the table are of. */
static void say_whole(struct content *c, const json_t *row)
{
	const json_t *halts = json_object_get(row, "halts");
	const char *untold = json_string_or(row, "untold", "");
	unsigned long long n_user = json_u64_or(row, "n_user", 0);
	unsigned long long lost = json_u64_or(row, "lost", 0);
	char set[RUN_NAME_MAX];
	cleanup_free char *who =
		text_format("*%s*, %s", content_env(c, row), content_set(row, set, sizeof(set)));

	if (*untold)
		doc_say(&c->doc,
			"%s: %s. It emulated %llu; shown are %llu exits to user space, where the "
			"virtual CPUs were %.3g %% of their time.",
			who, untold, (unsigned long long)json_u64_or(row, "emulated", 0), n_user,
			share(row, "user_ns"));
	else
		doc_say(&c->doc,
			"%s: %llu exits (%s), of which %llu went on to user space; the virtual "
			"CPUs were in the guest %.3g %% of their time, and out of it for these "
			"%.3g %%. Halts: %llu ended while the host still polled, %llu put the "
			"thread to sleep.",
			who, (unsigned long long)json_u64_or(row, "n_exits", 0),
			json_string_or(row, "isa", ""), n_user, share(row, "in_ns"),
			share(row, "out_ns"), (unsigned long long)json_u64_or(halts, "polled", 0),
			(unsigned long long)json_u64_or(halts, "waited", 0));
	if (lost)
		doc_say(&c->doc, "%s: %llu events were lost, so that counts are too small.", who,
			lost);
}

static int put_reason(const struct content *c, struct table *t, const json_t *row,
		      const json_t *reason, struct tare_err *err)
{
	static const char *const times[] = {"mean_ns", "p50_ns", "p99_ns", "max_ns"};
	bool user = strcmp(json_string_or(reason, "by", ""), "user") == 0;
	char text[32];
	int r = content_begin_row(c, t, row, err);

	if (r < 0)
		return r;
	table_cell(t, 2, TONE_PLAIN, "%s%s", json_string_or(reason, "reason", ""),
		   user ? " (user space)" : "");
	table_cell(t, 3, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(reason, "n", 0));
	table_cell(t, 4, TONE_PLAIN, "%.3g", json_double_or(reason, "per_op", NAN));
	table_cell(t, 5, TONE_PLAIN, "%s",
		   units_print_ns(json_double_or(reason, "sum_ns", NAN), text, sizeof(text)));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		table_cell(
			t, 6 + i, TONE_PLAIN, "%s%s", i == 1 || i == 2 ? "≤ " : "",
			units_print_ns(json_double_or(reason, times[i], NAN), text, sizeof(text)));
	return 0;
}

int content_exits(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "exits");
	cleanup_free char *caption = content_caption(
		c,
		"What virtual CPUs left their guest for: how often a second of the trial, and of "
		"their time the share until they went on. Blank: not in the guest, and not for "
		"any of these. All observed rounds together; no interval.");
	cleanup_table struct table t = {.n_columns = 10,
					.head = {"environment", "load", "left for", "times",
						 "an operation", "time out", "mean", "p50", "p99",
						 "max"},
					.number = {[3] = true,
						   [4] = true,
						   [5] = true,
						   [6] = true,
						   [7] = true,
						   [8] = true,
						   [9] = true}};
	json_t *row, *reason;
	size_t i, k;

	if (json_array_size(rows) == 0)
		return 0;
	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->heading(&c->doc, 2, "Exits of guests, as their host saw them");
	doc_say(&c->doc, "From observed rounds of their own. They are of the guest as a whole from "
			 "a player's start to its end: what it does between turns is in them.");
	json_array_foreach(rows, i, row)
	{
		say_whole(c, row);
		json_array_foreach(json_object_get(row, "reasons"), k, reason)
		{
			int r = put_reason(c, &t, row, reason, err);

			if (r < 0)
				return r;
		}
	}
	c->doc.ops->figure(&c->doc, "exits", caption);
	content_fold_table(c, "Counts and times of each reason", &t);
	return 0;
}
