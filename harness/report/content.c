/* SPDX-License-Identifier: MIT */
#include "report/content.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"

const char *content_env(const struct content *c, const json_t *row)
{
	return content_label(c, json_string_or(row, "env", "?"));
}

const char *content_label(const struct content *c, const char *label)
{
	for (size_t i = 0; i < c->run->n_envs; i++) {
		if (strcmp(c->run->envs[i].label, label) == 0)
			return c->run->envs[i].shown;
	}
	return label;
}

bool content_is_same(const json_t *a, const json_t *b, const char *key)
{
	return strcmp(json_string_or(a, key, ""), json_string_or(b, key, "")) == 0;
}

char *content_set(const json_t *row, char *buf, size_t size)
{
	const char *params = json_string_or(row, "params", "");

	(void)snprintf(buf, size, "%s%s%s", json_string_or(row, "load", ""), *params ? "," : "",
		       params);
	return buf;
}

static char *watched_key(const char *env, const char *load, const char *params)
{
	return text_format("%s\x1f%s\x1f%s", env, load, params);
}

/* Counted once: a hostile run has thousands of cells, and a row for each call in each. */
static int count_watched(struct content *c, struct tare_err *err)
{
	c->watched = json_object();
	for (size_t i = 0; i < c->run->n_cells; i++) {
		const struct run_cell *cell = &c->run->cells[i];
		cleanup_free char *key = NULL;

		if (!cell->observed)
			continue;
		key = watched_key(c->run->envs[cell->env].label, cell->load, cell->params);
		if (!key ||
		    json_put(c->watched, key, json_u64(json_u64_or(c->watched, key, 0) + 1)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* Alone and with others, one set of collectors after the other (--observer). */
static bool is_watched_again(const struct content *c, const json_t *row)
{
	cleanup_free char *key = NULL;

	if (!json_object_get(row, "collectors"))
		return false;
	key = watched_key(json_string_or(row, "env", ""), json_string_or(row, "load", ""),
			  json_string_or(row, "params", ""));
	return key && json_u64_or(c->watched, key, 0) > 1;
}

int content_begin_row(const struct content *c, struct table *table, const json_t *row,
		      struct tare_err *err)
{
	char set[RUN_NAME_MAX];
	int r = table_row(table, err);

	if (r < 0)
		return r;
	table_cell(table, 0, TONE_PLAIN, "%s", content_env(c, row));
	table_cell(table, 1, TONE_PLAIN, "%s", content_set(row, set, sizeof(set)));
	if (is_watched_again(c, row))
		table_cell(table, 1, TONE_PLAIN, "%s (%s)", set, json_string_or(row, "group", ""));
	return 0;
}

int content_add_rows(const struct content *c, struct table *table, const json_t *rows,
		     int (*add)(const struct content *c, struct table *t, const json_t *row,
				struct tare_err *err),
		     struct tare_err *err)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(rows) && r == 0; i++)
		r = add(c, table, json_array_get(rows, i), err);
	return r;
}

void content_fold_table(struct content *c, const char *summary, const struct table *table)
{
	c->doc.ops->fold(&c->doc, summary);
	c->doc.ops->table(&c->doc, table);
	c->doc.ops->fold_end(&c->doc);
}

char *content_time(const json_t *row, const char *key, char *buf, size_t size)
{
	const json_t *ci = json_object_get(row, "ci");
	double value = json_double_or(row, key, NAN);
	char one[32], low[32], high[32];

	if (isnan(value)) {
		(void)snprintf(buf, size, "-");
	} else if (!json_is_array(ci)) {
		(void)snprintf(buf, size, "%s", units_print_ns(value, one, sizeof(one)));
	} else {
		(void)units_print_ns(json_number_value(json_array_get(ci, 0)), low, sizeof(low));
		(void)units_print_ns(json_number_value(json_array_get(ci, 1)), high, sizeof(high));
		(void)snprintf(buf, size, "%s (%s .. %s)", units_print_ns(value, one, sizeof(one)),
			       low, high);
	}
	return buf;
}

char *content_number(double value, char *buf, size_t size)
{
	(void)snprintf(buf, size, value >= 1000 ? "%.0f" : "%.4g", value);
	return buf;
}

char *content_ratio(const json_t *row, char *buf, size_t size)
{
	const json_t *ci = json_object_get(row, "ci");
	double ratio = json_double_or(row, "ratio", NAN);
	double low = json_number_value(json_array_get(ci, 0));
	double high = json_number_value(json_array_get(ci, 1));
	int digits = 2;

	if (!json_is_array(ci)) {
		(void)snprintf(buf, size, "%.3g", ratio);
		return buf;
	}
	/* The first digit that the interval leaves open is the last that is worth showing. */
	if (high > low)
		digits = (int)fmin(4, fmax(0, ceil(-log10((high - low) / 2))));
	(void)snprintf(buf, size, "%.*f (%.*f .. %.*f)", digits, ratio, digits, low, digits, high);
	return buf;
}

unsigned long long content_rounds(const json_t *list)
{
	unsigned long long most = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		uint64_t rounds = json_u64_or(json_array_get(list, i), "rounds", 0);

		most = rounds > most ? rounds : most;
	}
	return most;
}

char *content_caption(const struct content *c, const char *what)
{
	const json_t *machine = json_object_get(c->run->manifest, "machine");
	const char *kernel = json_string_or(machine, "kernel", "?");
	bool emulated = false, trapped = false, restored = false;

	for (size_t i = 0; i < c->run->n_envs; i++) {
		emulated |= c->run->envs[i].emulated;
		restored |= c->run->envs[i].restored;
		trapped |= strcmp(c->run->envs[i].accel, "uml") == 0;
	}
	return text_format("%s Seed %llu; %s, %s, kernel %.*s.%s%s%s", what,
			   (unsigned long long)json_u64_or(c->run->manifest, "seed", 0),
			   json_string_or(machine, "hostname", "unknown machine"),
			   json_string_or(machine, "cpu_model", "unknown CPU"),
			   (int)strcspn(kernel, " "), kernel,
			   emulated ? " TCG: the guest's instructions are emulated." : "",
			   trapped ? " User-Mode Linux: the guest's system calls are trapped by "
				     "ptrace."
				   : "",
			   restored ? " Guests restored from a snapshot share what its one boot "
				      "drew: intervals say nothing of other boots."
				    : "");
}

void content_method(struct content *c)
{
	struct doc *doc = &c->doc;

	doc->ops->heading(doc, 2, "How to read this");
	doc_say(doc,
		"All environments of a comparison are up at once and take turns in slices on one "
		"CPU. "
		"Slices of the same pass are compared, and the median of their log ratios over a "
		"round "
		"is that round's one figure. *Rounds are the sample*: the ratio is Hodges and "
		"Lehmann's "
		"estimate over rounds, its interval inverts Wilcoxon's signed-rank test (5 rounds: "
		"it reaches 0.3 of the next gap beyond the smallest and the largest), at the "
		"level that the tables state, never below 95 %%. Where several rounds share a "
		"boot of a guest, *instances are the sample*: each boot gives one figure, and the "
		"last column says whether more rounds within a boot or more boots would narrow "
		"the interval.");
	doc_say(doc,
		"*equivalent*: the interval lies within ±%.3g %% (two one-sided tests). *slower*, "
		"*faster*: it excludes 1 and is not equivalent. Either also after Holm's "
		"correction over all loads and environments of the group, which is one question. "
		"*inconclusive*: "
		"neither can be said. *not-resolvable*: smaller than the instrument can tell. "
		"Nothing is "
		"dropped: "
		"failed and void trials are listed, odd rounds are drawn.",
		json_double_or(c->summary, "effect_pct", 0));
	doc_say(doc,
		"Absolute figures vary from start to start far more than ratios do; their "
		"intervals say "
		"so. Percentiles are upper bounds from a histogram whose buckets are at most "
		"12.5 %% wide. "
		"Colours are Okabe and Ito's, which colour-blind people tell apart; shapes and "
		"labels say the same. "
		"Each plot can be drawn again from its script and data in report/plots, all "
		"of them by "
		"make in report.");
}

static int write_parts(struct content *c, struct tare_err *err)
{
	static int (*const parts[])(struct content *, struct tare_err *) = {
		content_first_screen, content_ladder,    content_loads,      content_syscalls,
		content_exits,        content_counters,  content_limits,     content_same_limit,
		content_sched,        content_startup,   content_boundaries, content_idle,
		content_observer,     content_self_test, content_validity,   content_differences,
		content_spent,
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int r = parts[i](c, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int content_write(struct content *c, struct tare_err *err)
{
	cleanup_free char *title =
		text_format("tare: %s", json_string_or(c->summary, "run", "a run"));
	int r = title ? count_watched(c, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0) {
		c->doc.ops->begin(&c->doc, title);
		r = write_parts(c, err);
	}
	if (r == 0) {
		content_method(c);
		c->doc.ops->end(&c->doc);
	}
	json_decref(c->watched);
	c->watched = NULL;
	return r;
}
