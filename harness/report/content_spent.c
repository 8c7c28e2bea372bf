/* SPDX-License-Identifier: MIT */
/* What the run's time was spent on: how much of it is the harness's own. */
#include <math.h>

#include "base/err.h"
#include "base/json.h"
#include "report/content.h"

static int add_row(struct table *t, const json_t *spent, const char *what, const char *key,
		   struct tare_err *err)
{
	double ns = json_double_or(spent, key, 0), wall = json_double_or(spent, "wall_ns", NAN);
	int r = table_row(t, err);

	if (r < 0)
		return r;
	table_cell(t, 0, TONE_PLAIN, "%s", what);
	table_cell(t, 1, TONE_PLAIN, "%.2f s", ns / 1e9);
	table_cell(t, 2, TONE_PLAIN, "%.1f %%", 100 * ns / wall);
	return 0;
}

static void say_turn(struct content *c, const json_t *spent)
{
	double turns = json_double_or(spent, "turns", 0);

	if (turns > 0)
		doc_say(&c->doc,
			"A turn was passed and taken back %.0f times, in %.0f us on average, "
			"guests "
			"and their channel included.",
			turns, json_double_or(spent, "hand_overs_ns", 0) / turns / 1000);
}

int content_spent(struct content *c, struct tare_err *err)
{
	static const struct {
		const char *what, *key;
	} rows[] = {
		{"slices, lead-ins included, and whole runs of what takes no turns", "slices_ns"},
		{"hand-overs of turns", "hand_overs_ns"},
		{"players: boxes and loads set up, calibrated, taken down", "set_up_ns"},
		{"guests: booted and shut down", "boots_ns"},
		{"the harness's own: drawing, checking, writing", "own_ns"},
		{"whole run", "wall_ns"},
	};
	const json_t *spent = json_object_get(c->summary, "spent");
	uint64_t untold = json_u64_or(spent, "untold", 0);
	cleanup_table struct table t = {.n_columns = 3,
					.head = {"spent on", "time", "share"},
					.number = {[1] = true, [2] = true}};

	c->doc.ops->heading(&c->doc, 2, "What the run's time was spent on");
	if (json_u64_or(spent, "wall_ns", 0) == 0) {
		doc_say(&c->doc, "The manifest does not say.");
		return 0;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int r = add_row(&t, spent, rows[i].what, rows[i].key, err);

		if (r < 0)
			return r;
	}
	c->doc.ops->table(&c->doc, &t);
	say_turn(c, spent);
	if (untold)
		doc_say(&c->doc, "%llu sitting%s ended without an account and %s not in it.",
			(unsigned long long)untold, untold == 1 ? "" : "s",
			untold == 1 ? "is" : "are");
	return 0;
}
