/* SPDX-License-Identifier: MIT */
/* Why the loads' tasks were off the CPU, and how long they waited for one. */
#include <math.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/content.h"
#include "report/plot.h"
#include "report/sched.h"

static int draw(struct content *c, size_t cell, struct tare_err *err)
{
	const struct run_cell *first = &c->run->cells[cell];
	cleanup_free char *what =
		text_format("%s in group %s, all trials that the collector sched watched (%zu of "
			    "each environment at the most). Left: the time that its tasks were off "
			    "the CPU, by what they were when they left; right: how long they "
			    "waited from becoming runnable to running.",
			    first->name, first->group, first->n_trials);
	cleanup_free char *caption = what ? content_caption(c, what) : NULL;
	char name[32];

	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	plot_set_name("sched", cell, name, sizeof(name));
	c->doc.ops->figure(&c->doc, name, caption);
	return 0;
}

static int add_row(const struct content *c, struct table *t, const json_t *row,
		   struct tare_err *err)
{
	static const char *const waits[] = {"p50_ns", "p99_ns", "max_ns"};
	const json_t *off = json_object_get(row, "off_ns");
	double all_ns = 0;
	char text[32];
	int r = content_begin_row(c, t, row, err);

	if (r < 0)
		return r;
	table_cell(t, 2, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(row, "switches", 0));
	table_cell(t, 3, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(row, "migrations", 0));
	for (size_t i = 0; i < 3; i++)
		table_cell(t, 4 + i, TONE_PLAIN, "%s%s", i < 2 ? "≤ " : "",
			   units_print_ns(json_double_or(row, waits[i], NAN), text, sizeof(text)));
	for (size_t i = 0; i < SCHED_N_CAUSES; i++)
		all_ns += json_double_or(off, sched_causes[i], 0);
	for (size_t i = 0; i < SCHED_N_CAUSES; i++) {
		table_cell(t, 7 + i, TONE_QUIET, "-");
		if (all_ns > 0)
			table_cell(t, 7 + i, TONE_PLAIN, "%.1f %%",
				   100 * json_double_or(off, sched_causes[i], 0) / all_ns);
	}
	return 0;
}

static int put_table(struct content *c, struct tare_err *err)
{
	cleanup_table struct table t = {.n_columns = 7 + SCHED_N_CAUSES,
					.head = {"environment", "load", "switches", "migrations",
						 "wait p50", "p99", "max", "throttled", "memory",
						 "disk", "preempted", "sleeps"}};
	int r;

	for (size_t i = 2; i < t.n_columns; i++)
		t.number[i] = true;
	r = content_add_rows(c, &t, json_object_get(c->summary, "sched"), add_row, err);
	if (r < 0)
		return r;
	if (t.n_rows)
		content_fold_table(
			c, "Switches, waits in the run queue, shares of the time off the CPU", &t);
	return 0;
}

int content_sched(struct content *c, struct tare_err *err)
{
	bool begun = false;

	for (size_t i = 0; i < c->run->n_cells; i++) {
		int r;

		if (!plot_begins_sched(c->run, c->run->order[i]))
			continue;
		if (!begun)
			c->doc.ops->heading(&c->doc, 2, "Off the CPU");
		begun = true;
		r = draw(c, c->run->order[i], err);
		if (r < 0)
			return r;
	}
	return put_table(c, err);
}
