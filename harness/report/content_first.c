/* SPDX-License-Identifier: MIT */
/* The first screen: what was asked, the answer in a few sentences made from the data, and the
 * forest plot. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "report/content.h"
#include "report/summary.h"

static bool is_env(const json_t *row, const struct run_env *env)
{
	return strcmp(json_string_or(row, "env", ""), env->label) == 0;
}

static bool is_verdict(const json_t *row, const char *verdict)
{
	return strcmp(json_string_or(row, "verdict", ""), verdict) == 0;
}

static void put_name(FILE *out, const json_t *row)
{
	char set[RUN_NAME_MAX];

	(void)fputs(content_set(row, set, sizeof(set)), out);
}

/* "container: 2 slower (most getppid, 1.238 times), 1 equivalent, ... of 4 comparisons." */
static void put_env_answer(FILE *out, const struct content *c, const struct run_env *env,
			   size_t *answers)
{
	static const char *const verdicts[] = {"slower", "faster", "equivalent", "inconclusive"};
	size_t count[4] = {0}, all = 0, i;
	const json_t *most = NULL;
	json_t *row;
	const char *before = "";
	char ratio[96];

	json_array_foreach(json_object_get(c->summary, "ratios"), i, row)
	{
		if (!is_env(row, env) ||
		    strcmp(json_string_or(row, "metric", ""), "ns_per_op") != 0)
			continue;
		all++;
		for (int v = 0; v < 4; v++)
			count[v] += is_verdict(row, verdicts[v]);
		if (is_verdict(row, "slower") &&
		    (!most || json_double_or(row, "ratio", 0) > json_double_or(most, "ratio", 0)))
			most = row;
	}
	if (all == 0)
		return;
	(void)fprintf(out, "%s*%s*: of %zu comparison%s with %s, ", (*answers)++ ? "; " : "",
		      env->shown, all, all == 1 ? "" : "s", run_baseline(c->run));
	for (int v = 0; v < 4; v++) {
		if (count[v] == 0)
			continue;
		(void)fprintf(out, "%s%zu %s", before, count[v], verdicts[v]);
		if (v == 0) {
			(void)fprintf(out, " (most: ");
			put_name(out, most);
			(void)fprintf(out, ", %s times)",
				      content_ratio(most, ratio, sizeof(ratio)));
		}
		before = ", ";
	}
	if (env->emulated)
		(void)fprintf(out, " (this is emulation, not what a VM costs)");
	else if (*env->apart)
		(void)fprintf(out, " (this is %s, not what a VM costs)", env->apart);
}

static bool is_ladder(const struct content *c)
{
	return json_array_size(json_object_get(c->summary, "ladder")) > 0;
}

/* "getppid: +24.1 % from native to container, most of it by seccomp (+24.0 %); ..." */
static void put_ladder_answer(FILE *out, const struct content *c)
{
	json_t *climb, *step;
	size_t i, k;

	json_array_foreach(json_object_get(c->summary, "ladder"), i, climb)
	{
		const json_t *adds = json_object_get(climb, "adds_up"), *most = NULL;
		char ratio[96];

		json_array_foreach(json_object_get(climb, "steps"), k, step)
		{
			if (is_verdict(step, "slower") && !*json_string_or(step, "accel", "") &&
			    (!most ||
			     json_double_or(step, "ratio", 0) > json_double_or(most, "ratio", 0)))
				most = step;
		}
		(void)fprintf(out, "%s*", i ? "; " : "");
		put_name(out, climb);
		(void)fprintf(out, "*: %s is %s times %s", json_string_or(climb, "last", ""),
			      content_ratio(json_object_get(climb, "whole"), ratio, sizeof(ratio)),
			      json_string_or(climb, "first", ""));
		if (most)
			(void)fprintf(out, ", the dearest step is %s (%s times)",
				      json_string_or(most, "env", ""),
				      content_ratio(most, ratio, sizeof(ratio)));
		(void)fprintf(out, "%s",
			      json_is_null(adds)   ? ""
			      : json_is_true(adds) ? ", and the steps add up"
						   : ", and the steps do *not* add up");
	}
}

static void put_counts_answer(FILE *out, const struct content *c)
{
	size_t exact = 0, wrong = 0, i;
	json_t *row;

	json_array_foreach(json_object_get(c->summary, "syscalls"), i, row)
	{
		const json_t *said = json_object_get(row, "exact");

		if (!json_is_boolean(said) || json_double_or(row, "declared", 0) == 0)
			continue;
		exact += json_is_true(said);
		wrong += json_is_false(said);
	}
	if (wrong)
		(void)fprintf(out,
			      "*%zu of %zu* counts of declared system calls differ from what the "
			      "loads made. ",
			      wrong, exact + wrong);
	else if (exact)
		(void)fprintf(out, "All %zu in-kernel counts of declared system calls are exact. ",
			      exact);
}

static void put_validity_answer(FILE *out, const struct content *c)
{
	const json_t *records = json_object_get(c->summary, "records");
	size_t disturbed = 0, i;
	json_t *row;

	json_array_foreach(json_object_get(c->summary, "validity"), i, row) disturbed +=
		strncmp(json_string_or(row, "what", ""), "collector ", 10) != 0;
	(void)fprintf(out, "%llu of %llu trials are ok",
		      (unsigned long long)json_u64_or(records, "ok", 0),
		      (unsigned long long)(json_u64_or(records, "all", 0) -
					   json_u64_or(records, "superseded", 0)));
	if (disturbed)
		(void)fprintf(out, ", and %zu kind%s of disturbance %s noted below", disturbed,
			      disturbed == 1 ? "" : "s", disturbed == 1 ? "is" : "are");
	(void)fprintf(out, "%s.",
		      json_bool_or(records, "torn", false)
			      ? "; the last line of records.jsonl was cut off and is left out"
			      : "");
}

/* One sentence, however many environments or loads there are. */
static void put_comparison_answer(FILE *out, const struct content *c)
{
	size_t answers = 0;

	for (size_t i = 0; i < c->run->n_envs && !is_ladder(c); i++)
		put_env_answer(out, c, &c->run->envs[i], &answers);
	if (is_ladder(c))
		put_ladder_answer(out, c);
	else if (answers == 0)
		(void)fprintf(out, "No environment can be compared with the baseline %s",
			      run_baseline(c->run));
	(void)fprintf(out, ". ");
}

/* Three sentences: what the comparison says, whether counts are exact, what disturbed. */
static int say_answer(struct content *c, struct tare_err *err)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	put_comparison_answer(out, c);
	put_counts_answer(out, c);
	content_put_self_test(c, out);
	put_validity_answer(out, c);
	if (fclose(out) != 0)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->paragraph(&c->doc, text);
	return 0;
}

/* Environments, loads once each, rounds, order, machine. */
static int say_asked(struct content *c, struct tare_err *err)
{
	const json_t *machine = json_object_get(c->run->manifest, "machine");
	const json_t *sittings = json_object_get(c->run->manifest, "sittings");
	const char *kernel = json_string_or(machine, "kernel", "?");
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	(void)fprintf(out, "*Asked:* ");
	for (size_t i = 0; i < c->run->n_envs; i++)
		(void)fprintf(out, "%s%s", i ? ", " : "", c->run->envs[i].shown);
	(void)fprintf(out, " with ");
	for (size_t i = 0, n = 0; i < c->run->n_cells; i++) {
		bool known = false;

		for (size_t k = 0; k < i; k++)
			known |= strcmp(c->run->cells[c->run->order[k]].name,
					c->run->cells[c->run->order[i]].name) == 0;
		if (!known)
			(void)fprintf(out, "%s%s", n++ ? ", " : "",
				      c->run->cells[c->run->order[i]].name);
	}
	(void)fprintf(out, "; up to %llu rounds, order random by seed %llu.",
		      content_rounds(json_object_get(c->summary, "cells")),
		      (unsigned long long)json_u64_or(c->run->manifest, "seed", 0));
	(void)fprintf(out, " *On:* %s, %s, kernel %.*s; begun %s; end: %s.",
		      json_string_or(machine, "hostname", "unknown machine"),
		      json_string_or(machine, "cpu_model", "unknown CPU"),
		      (int)strcspn(kernel, " "), kernel,
		      json_string_or(json_array_get(sittings, 0), "begun", "at an unknown time"),
		      json_string_or(json_array_get(sittings, json_array_size(sittings) - 1), "end",
				     "none"));
	if (fclose(out) != 0)
		return err_set(err, ENOMEM, "out of memory");
	c->doc.ops->paragraph(&c->doc, text);
	return 0;
}

static void say_more(struct content *c)
{
	cleanup_free char *more = summary_more_sentence(c->summary);

	if (more && *more)
		doc_say(&c->doc, "*To know more:* %s.", more);
}

int content_first_screen(struct content *c, struct tare_err *err)
{
	const json_t *ratios = json_object_get(c->summary, "ratios");
	cleanup_free char *what =
		text_format("Ratio of time per operation to %s with its interval of at least 95 %% "
			    "(signed-rank; "
			    "5 rounds: a little beyond the smallest and the largest) over up to "
			    "%llu rounds; log axis; filled: the interval "
			    "excludes 1.",
			    run_baseline(c->run), content_rounds(ratios));
	cleanup_free char *caption = what ? content_caption(c, what) : NULL;
	int r;

	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	r = say_asked(c, err);
	if (r < 0 || (r = say_answer(c, err)) < 0)
		return r;
	if (*c->no_plots)
		doc_say(&c->doc, "*There are no plots:* %s.", c->no_plots);
	c->doc.ops->figure(&c->doc, "ratios", caption);
	say_more(c);
	return 0;
}
