/* SPDX-License-Identifier: MIT */
/* At which level more repetition would help, how much of it, and how long that would take. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "report/summary.h"

/* The standard deviations of rounds within an instance, and of instances, in percent. */
static json_t *spread_json(const struct levels *levels)
{
	if (isnan(levels->round_var))
		return json_null();
	return json_pack("{s:o, s:o}", "rounds_pct", json_number(100 * sqrt(levels->round_var)),
			 "instances_pct", json_number(100 * sqrt(levels->instance_var)));
}

/* "24 rounds, about 40 s", "9 instances of 2 rounds, about 3 min", "". */
static void print_amount(const struct levels_more *more, char *text, size_t size)
{
	bool minutes = more->time_s >= 120;
	int n;

	if (more->rounds_per_instance == 1)
		n = snprintf(text, size, "%zu rounds", more->rounds);
	else
		n = snprintf(text, size, "%zu instances of %zu rounds", more->instances,
			     more->rounds_per_instance);
	if (isfinite(more->time_s) && n > 0 && (size_t)n < size)
		(void)snprintf(text + n, size - (size_t)n, ", about %.0f %s",
			       ceil(minutes ? more->time_s / 60 : more->time_s),
			       minutes ? "min" : "s");
}

static json_t *more_text(const struct levels_more *more)
{
	char amount[120];

	if (more->where == LEVELS_UNKNOWN)
		return json_string("not known: there is no interval");
	if (more->where == LEVELS_ENOUGH)
		return json_string("enough");
	print_amount(more, amount, sizeof(amount));
	return json_string(amount);
}

void summary_put_more(json_t *object, const struct levels *levels, double half,
		      const struct levels_cost *cost)
{
	struct levels_more more;

	levels_more(levels, half, cost, &more);
	(void)json_put(object, "spread", spread_json(levels));
	(void)json_put(object, "more",
		       json_pack("{s:s, s:f, s:o, s:o, s:o, s:o, s:o}", "level",
				 levels_where_name(more.where), "within_pct", 100 * expm1(half),
				 "instances", json_u64(more.instances), "rounds_per_instance",
				 json_u64(more.rounds_per_instance), "rounds",
				 json_u64(more.rounds), "time_s", json_number(more.time_s), "text",
				 more_text(&more)));
}

/* Where no precision was asked for, what is decided needs no more rounds. */
static bool helps(const json_t *summary, const json_t *row)
{
	const json_t *more = json_object_get(row, "more");
	const char *level = json_string_or(more, "level", "");
	double effect = json_double_or(summary, "effect_pct", 0);
	bool asked = fabs(json_double_or(more, "within_pct", 0) - effect) > 1e-9;

	return (strcmp(level, "rounds") == 0 || strcmp(level, "instances") == 0) &&
	       (asked || strcmp(json_string_or(row, "verdict", ""), "inconclusive") == 0);
}

/* What the words of a level mean where every round has instances of its own. */
static const char *advice(const json_t *row)
{
	const json_t *more = json_object_get(row, "more");

	if (json_u64_or(row, "instances", 0) == json_u64_or(row, "rounds", 0))
		return "more rounds, each with instances of its own";
	return strcmp(json_string_or(more, "level", ""), "instances") == 0
		       ? "more instances"
		       : "more rounds within an instance";
}

char *summary_more_sentence(const json_t *summary)
{
	const json_t *row, *most = NULL, *more;
	size_t i, n = 0, all = 0;

	json_array_foreach(json_object_get(summary, "ratios"), i, row)
	{
		if (strcmp(json_string_or(row, "metric", ""), "ns_per_op") != 0)
			continue;
		more = json_object_get(row, "more");
		all++;
		if (!helps(summary, row))
			continue;
		n++;
		if (!most || json_u64_or(more, "rounds", 0) >
				     json_u64_or(json_object_get(most, "more"), "rounds", 0))
			most = row;
	}
	if (!most)
		return strdup("");
	more = json_object_get(most, "more");
	return text_format("%zu of %zu intervals should be narrower (+-%.3g %%): %s would do that, "
			   "most are needed for %s in %s (%s in all)",
			   n, all, json_double_or(more, "within_pct", 0), advice(most),
			   json_string_or(most, "load", ""), json_string_or(most, "env", ""),
			   json_string_or(more, "text", ""));
}
