/* SPDX-License-Identifier: MIT */
/* What the collectors saw: system calls, limits at work, start-up, and the observers' price. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/content.h"
#include "report/plot.h"

static int draw(struct content *c, const char *name, const char *what, struct tare_err *err)
{
	cleanup_free char *caption = what ? content_caption(c, what) : NULL;

	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->figure(&c->doc, name, caption);
	return 0;
}

static void put_call(struct table *t, const json_t *row)
{
	const json_t *exact = json_object_get(row, "exact");
	double declared = json_double_or(row, "declared", NAN);
	char mean[32], p99[32];

	table_cell(t, 2, TONE_PLAIN, "%s", json_string_or(row, "call", ""));
	table_cell(t, 3, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(row, "count", 0));
	table_cell(t, 4, TONE_QUIET, "-");
	if (declared > 0)
		table_cell(t, 4, TONE_PLAIN, "%.0f", declared);
	if (json_is_boolean(exact) && declared > 0)
		table_cell(t, 5, json_is_true(exact) ? TONE_GOOD : TONE_BAD, "%s",
			   json_is_true(exact) ? "exact" : "differs");
	else
		table_cell(t, 5, TONE_QUIET, "not declared");
	table_cell(t, 6, TONE_PLAIN, "%llu", (unsigned long long)json_u64_or(row, "errors", 0));
	table_cell(t, 7, TONE_PLAIN, "%s",
		   units_print_ns(json_double_or(row, "mean_ns", NAN), mean, sizeof(mean)));
	table_cell(t, 8, TONE_PLAIN, "≤ %s",
		   units_print_ns(json_double_or(row, "p99_ns", NAN), p99, sizeof(p99)));
	table_cell(t, 9, json_bool_or(row, "resolvable", true) ? TONE_PLAIN : TONE_QUIET, "%.3g%s",
		   json_double_or(row, "ratio", NAN),
		   json_bool_or(row, "resolvable", true) ? "" : " (not-resolvable)");
	table_cell(t, 10, TONE_QUIET, "%llu", (unsigned long long)json_u64_or(row, "lost", 0));
}

int content_syscalls(struct content *c, struct tare_err *err)
{
	const json_t *calls = json_object_get(c->summary, "syscalls");
	cleanup_table struct table t = {.n_columns = 11,
					.head = {"environment", "load", "call", "counted",
						 "declared", "", "errors", "mean", "p99",
						 "ratio of means", "lost"},
					.number = {[3] = true,
						   [4] = true,
						   [6] = true,
						   [7] = true,
						   [8] = true,
						   [9] = true,
						   [10] = true}};
	json_t *row;
	size_t i;
	int r;

	c->doc.ops->heading(&c->doc, 2, "System calls, as the kernel that ran them saw them");
	if (json_array_size(calls) == 0) {
		doc_say(&c->doc, "No round was observed by the syscalls collector.");
		return 0;
	}
	doc_say(&c->doc,
		"From observed rounds of their own, apart from the timed ones. Counted in the "
		"kernel; declared is what the load makes by its own account, lead-ins and "
		"turns included. A difference of means below the observer's own share of a "
		"call is not-resolvable (~ in the plot).");
	cleanup_free char *what =
		text_format("Mean time in each system call against %s, all observed rounds "
			    "together (up to %llu); "
			    "colour: log2 of the ratio; no interval.",
			    run_baseline(c->run),
			    (unsigned long long)json_u64_or(json_array_get(calls, 0), "trials", 0));
	r = draw(c, "heatmap", what, err);
	if (r < 0)
		return r;
	json_array_foreach(calls, i, row)
	{
		r = content_begin_row(c, &t, row, err);
		if (r < 0)
			return r;
		put_call(&t, row);
	}
	content_fold_table(c, "Counts and times of each system call", &t);
	return 0;
}

/* "write 4 MiB/s " of the first disk that is limited so; empty: none is. */
static void rate_text(const json_t *limits, const char *flag, const char *what, char *buf,
		      size_t size)
{
	double rate = json_double_or(json_array_get(json_object_get(limits, flag), 0), "rate", 0);
	char bytes[32];

	buf[0] = '\0';
	if (rate > 0)
		(void)snprintf(buf, size, "%s %s/s ", what,
			       units_print_bytes(rate, bytes, sizeof(bytes)));
}

/* "0.5 CPU write 4 MiB/s 64 MiB" */
static char *limits_text(const json_t *limits)
{
	double cpus = json_double_or(limits, "cpus", 0),
	       memory = json_double_or(limits, "memory", 0);
	double pids = json_double_or(limits, "pids-limit", 0);
	char size[32] = "", cpu[32] = "", number[32] = "", reads[64], writes[64];

	if (cpus > 0)
		(void)snprintf(cpu, sizeof(cpu), "%.4g CPU ", cpus);
	if (pids > 0)
		(void)snprintf(number, sizeof(number), "%.0f pids ", pids);
	if (memory > 0)
		(void)units_print_bytes(memory, size, sizeof(size));
	rate_text(limits, "device-read-bps", "read", reads, sizeof(reads));
	rate_text(limits, "device-write-bps", "write", writes, sizeof(writes));
	return text_format("%s%s%s%s%s", cpu, number, reads, writes, size);
}

static int add_limited(const struct content *c, struct table *t, const json_t *row,
		       struct tare_err *err)
{
	const json_t *limits = json_object_get(row, "limits");
	cleanup_free char *asked = limits_text(limits);
	double cores = json_double_or(row, "cpu_cores", NAN),
	       quota = json_double_or(limits, "cpus", 0);
	double peak = json_double_or(row, "memory_peak", NAN), late;
	int r = content_begin_row(c, t, row, err);
	char size[32];

	if (r < 0)
		return r;
	late = json_double_or(row, "throttled_share", NAN);
	table_cell(t, 2, TONE_PLAIN, "%s", asked ? asked : "");
	table_cell(t, 3, TONE_QUIET, "-");
	if (!isnan(cores))
		table_cell(t, 3, TONE_PLAIN, "%.4f", cores);
	table_cell(t, 4, TONE_QUIET, "-");
	/* Who is seldom throttled does not meet the quota, and says nothing of it. */
	if (!isnan(cores) && quota > 0 && late > 0.9)
		table_cell(t, 4, TONE_PLAIN, "%+.2f %%", 100 * (cores / quota - 1));
	table_cell(t, 5, TONE_QUIET, "-");
	if (!isnan(late))
		table_cell(t, 5, TONE_PLAIN, "%.0f %%", 100 * late);
	table_cell(t, 6, TONE_PLAIN, "%s",
		   isnan(peak) ? "-" : units_print_bytes(peak, size, sizeof(size)));
	table_cell(t, 7, TONE_PLAIN, "%.0f", json_double_or(row, "oom_kills", 0));
	table_cell(t, 8, TONE_QUIET, "%llu", (unsigned long long)json_u64_or(row, "trials", 0));
	return 0;
}

static int draw_throttles(struct content *c, struct tare_err *err)
{
	for (size_t i = 0; i < c->run->n_cells; i++) {
		const struct run_cell *cell = &c->run->cells[i];
		const struct run_trial *trial = plot_series_trial(c->run, cell);
		char name[32];
		int r;

		if (!trial || !run_is_first_of_set(c->run, i))
			continue;
		cleanup_free char *what = text_format(
			"%s in group %s: one trial of each environment (of %zu "
			"rounds), as its kernel "
			"counted. Thin: what was used in each interval; bold: over half a "
			"second, of memory what is in use; dashed: all of a guest's QEMU, as the "
			"host counted; red: the limit. Shaded: when "
			"it was held back: periods of the quota (intervals, where cpu was "
			"not among the collectors) that ended throttled, by its own kernel (warm) "
			"or, the whole guest, by the host's (cold); intervals half "
			"of which tasks waited for memory, or a disk's limits held "
			"something back (io among the collectors).",
			cell->name, cell->group, cell->n_trials);
		plot_set_name("throttle", i, name, sizeof(name));
		r = draw(c, name, what, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int content_limits(struct content *c, struct tare_err *err)
{
	cleanup_table struct table t = {
		.n_columns = 9,
		.head = {"environment", "load", "limits", "CPUs used", "against the quota",
			 "periods throttled", "memory peak", "OOM kills", "trials"},
		.number = {[3] = true, [4] = true, [5] = true, [6] = true, [7] = true, [8] = true}};
	json_t *row;
	size_t i;
	int r;

	c->doc.ops->heading(&c->doc, 2, "Limits at work");
	json_array_foreach(json_object_get(c->summary, "limits"), i, row)
	{
		r = add_limited(c, &t, row, err);
		if (r < 0)
			return r;
	}
	if (t.n_rows == 0) {
		doc_say(&c->doc, "No cell had limits.");
		return draw_throttles(c, err);
	}
	doc_say(&c->doc, "Medians over trials, as the kernel that ran them accounts them; failed "
			 "trials included, for to be killed is what a limit may do.");
	c->doc.ops->table(&c->doc, &t);
	return draw_throttles(c, err);
}

int content_startup(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "startup");
	cleanup_table struct table t = {.n_columns = 4,
					.head = {"environment", "what", "median (interval)", "n"},
					.number = {[2] = true, [3] = true}};
	json_t *row;
	size_t i;
	int r;

	c->doc.ops->heading(&c->doc, 2, "Start-up");
	if (json_array_size(rows) == 0) {
		doc_say(&c->doc, "No record says how long its environment took to start.");
		return 0;
	}
	json_array_foreach(rows, i, row)
	{
		const char *what = json_string_or(row, "what", "");
		char text[128];

		r = table_row(&t, err);
		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", content_env(c, row));
		table_cell(&t, 1, TONE_PLAIN, "%s",
			   strcmp(what, "boot-cold") == 0       ? "cold boot of the guest"
			   : strcmp(what, "boot-restored") == 0 ? "guest restored from a snapshot"
								: "box asked for to load ready");
		table_cell(&t, 2, TONE_PLAIN, "%s",
			   content_time(row, "median_ns", text, sizeof(text)));
		table_cell(&t, 3, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(row, "rounds", 0));
	}
	cleanup_free char *what = text_format("Start-up: dots are rounds (medians over their "
					      "loads) or boots, up to %llu; above them "
					      "the estimate and its interval of at least 95 %%; "
					      "log axis. A box in a guest is timed "
					      "by the guest's clock, a boot by the host's.",
					      content_rounds(rows));
	r = draw(c, "startup", what, err);
	if (r == 0)
		c->doc.ops->table(&c->doc, &t);
	return r;
}

int content_observer(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "observer");
	cleanup_table struct table t = {
		.n_columns = 7,
		.head = {"environment", "load", "collectors", "observed against timed rounds",
			 "rounds", "effect of the environment", "with these collectors"},
		.number = {[3] = true, [4] = true, [5] = true}};
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "What the observers cost");
	doc_say(&c->doc,
		"The same cells with collectors and without. These rounds take no turns with each "
		"other, hence the wide intervals; no ratio above comes from an observed round. An "
		"environment's effect is *not-resolvable* with collectors that may cost as much.");
	json_array_foreach(rows, i, row)
	{
		int r = content_begin_row(c, &t, row, err);
		char text[96];

		if (r < 0)
			return r;
		table_cell(&t, 2, TONE_PLAIN, "%s", json_string_or(row, "collectors", ""));
		table_cell(&t, 3, TONE_PLAIN, "%s", content_ratio(row, text, sizeof(text)));
		table_cell(&t, 4, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(row, "rounds", 0));
		table_cell(&t, 5, TONE_QUIET, "-");
		if (json_object_get(row, "effect"))
			table_cell(&t, 5, TONE_PLAIN, "%.3g", json_double_or(row, "effect", NAN));
		table_cell(&t, 6, TONE_QUIET, "%s", json_string_or(row, "verdict", "-"));
	}
	content_fold_table(c, "Cost of each set of collectors", &t);
	return 0;
}
