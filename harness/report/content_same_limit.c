/* SPDX-License-Identifier: MIT */
/* One share of a CPU, given to each environment: what it does with it. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "report/content.h"

/* Rows of one table: what differs is the environment. */
static bool is_of_table(const json_t *a, const json_t *b)
{
	return content_is_same(a, b, "group") && content_is_same(a, b, "load") &&
	       content_is_same(a, b, "params") && content_is_same(a, b, "mode") &&
	       content_is_same(a, b, "collectors");
}

static void put_share(struct table *t, size_t column, const json_t *row, const char *key)
{
	double share = json_double_or(row, key, NAN);

	if (isnan(share))
		table_cell(t, column, TONE_QUIET, "-");
	else
		table_cell(t, column, TONE_PLAIN, "%.1f %%", 100 * share);
}

static void put_time(struct table *t, size_t column, const json_t *row, const char *key)
{
	double ns = json_double_or(row, key, NAN);
	char text[32];

	if (isnan(ns))
		table_cell(t, column, TONE_QUIET, "-");
	else
		table_cell(t, column, TONE_PLAIN, "%s", units_print_ns(ns, text, sizeof(text)));
}

static const char *where(const json_t *row)
{
	if (!*json_string_or(row, "accel", ""))
		return "its group";
	return strcmp(json_string_or(row, "limit_at", ""), "machine") == 0
		       ? "the guest, from outside"
		       : "the box in the guest";
}

static int begin_row(const struct content *c, struct table *t, const json_t *row,
		     struct tare_err *err)
{
	int r = table_row(t, err);

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", content_env(c, row));
	table_cell(t, 1, TONE_PLAIN, "%s", where(row));
	return 0;
}

/* What is done with it, and how long an operation takes. */
static int add_work(const struct content *c, struct table *t, const json_t *row,
		    struct tare_err *err)
{
	static const char *const times[] = {"p50", "p99", "p999", "max"};
	double rate = json_double_or(row, "per_s", NAN);
	char text[32];
	int r = begin_row(c, t, row, err);

	if (r < 0)
		return r;
	table_cell(t, 2, TONE_QUIET, "-");
	if (!isnan(rate))
		table_cell(t, 2, TONE_PLAIN, "%s", content_number(rate, text, sizeof(text)));
	put_share(t, 3, row, "of_limit");
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		put_time(t, 4 + i, row, times[i]);
	return 0;
}

/* Who sees that it is held. */
static int add_view(const struct content *c, struct table *t, const json_t *row,
		    struct tare_err *err)
{
	static const char *const shares[] = {"host_throttled", "guest_throttled", "host_wait",
					     "guest_steal", "host_others"};
	int r = begin_row(c, t, row, err);

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares) && r == 0; i++)
		put_share(t, 2 + i, row, shares[i]);
	return r;
}

static int put_table(struct content *c, const json_t *rows, const json_t *like, struct table *t,
		     int (*add)(const struct content *c, struct table *t, const json_t *row,
				struct tare_err *err),
		     struct tare_err *err)
{
	json_t *row;
	size_t i;

	for (i = 2; i < t->n_columns; i++)
		t->number[i] = true;
	json_array_foreach(rows, i, row)
	{
		int r = is_of_table(row, like) ? add(c, t, row, err) : 0;

		if (r < 0)
			return r;
	}
	c->doc.ops->table(&c->doc, t);
	return 0;
}

static int put_tables(struct content *c, const json_t *rows, const json_t *like,
		      struct tare_err *err)
{
	cleanup_table struct table work = {.n_columns = 8,
					   .head = {"environment", "limit on", "operations/s",
						    "of the limit", "p50", "p99", "p99.9", "max"}};
	cleanup_table struct table view = {.n_columns = 7,
					   .head = {"environment", "limit on", "throttled: host",
						    "throttled: guest", "waiting: host",
						    "steal: guest", "rest of QEMU"}};
	char set[RUN_NAME_MAX];
	int r;

	doc_say(&c->doc,
		"%s in group %s, %.4g CPU, %llu trials each:", content_set(like, set, sizeof(set)),
		json_string_or(like, "group", ""), json_double_or(like, "cpus", 0),
		(unsigned long long)json_u64_or(like, "trials", 0));
	r = put_table(c, rows, like, &work, add_work, err);
	return r < 0 ? r : put_table(c, rows, like, &view, add_view, err);
}

static bool is_first(const json_t *rows, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_of_table(json_array_get(rows, i), json_array_get(rows, at)))
			return false;
	return true;
}

int content_same_limit(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "same_limit");

	if (json_array_size(rows) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "The same limit");
	doc_say(&c->doc,
		"Each environment has the same share of a CPU. *of the limit*: the operations it "
		"does, against that share of what it does without a limit (where the campaign has "
		"such a group): on a machine with nothing else to do, 100 %% is a limit that costs "
		"nothing. Latencies are upper bounds, of all trials together.");
	doc_say(&c->doc,
		"Who sees it, in shares of the time, medians over trials: *throttled*, by the "
		"accounts of the host's kernel and of the guest's (a group may be throttled on "
		"several CPUs at once); *waiting*: a virtual CPU could have run and did not, "
		"throttled or behind others, the real steal; *steal* of which the guest itself is "
		"told: under TCG none; *rest of QEMU*: CPU time of its threads that are no virtual "
		"CPU.");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		int r = is_first(rows, i) ? put_tables(c, rows, json_array_get(rows, i), err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
