/* SPDX-License-Identifier: MIT */
/* What people read of a density: two tables, and how far it is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/density/print.h"
#include "cli/log.h"
#include "cli/table.h"
#include "density/density.h"
#include "rounds/paired.h"

/* Emulation is never shown without its name. */
static void put_name(struct table *t, const json_t *cell)
{
	const char *accel = json_string_or(cell, "accel", NULL);

	if (!accel)
		table_cell(t, 0, TONE_PLAIN, "%s", json_string_or(cell, "env", ""));
	else
		table_cell(t, 0, TONE_PLAIN, "%s (%s, %s)", json_string_or(cell, "env", ""),
			   strcmp(accel, "tcg") == 0 ? "TCG" : accel,
			   json_string_or(cell, "boot", "?"));
}

static const char *count_text(const json_t *figure, char *buf, size_t size)
{
	double low = json_double_or(figure, "min", NAN), high = json_double_or(figure, "max", NAN);

	if (!isfinite(low))
		(void)snprintf(buf, size, "-");
	else if (low < high)
		(void)snprintf(buf, size, "%.0f ... %.0f", low, high);
	else
		(void)snprintf(buf, size, "%.0f", low);
	return buf;
}

/* "max", or "max 3, memory 2" where climbs ended by different bounds. */
static const char *stops_text(const json_t *cell, char *buf, size_t size)
{
	const json_t *stops = json_object_get(cell, "stops");
	size_t used = 0;

	buf[0] = '\0';
	for (size_t s = 0; s < DENSITY_STOPS && used < size; s++) {
		uint64_t n = json_u64_or(stops, density_stop_names[s], 0);

		if (n && json_object_size(stops) == 1)
			(void)snprintf(buf, size, "%s", density_stop_names[s]);
		else if (n)
			used += (size_t)snprintf(buf + used, size - used, "%s%s %llu",
						 used ? ", " : "", density_stop_names[s],
						 (unsigned long long)n);
	}
	return buf;
}

static int make_starts(const json_t *document, struct table *t, struct tare_err *err)
{
	const json_t *cell;
	char text[160];
	size_t i;

	*t = (struct table){.n_columns = 7,
			    .head = {"environment", "boxes", "ended by", "start among few [95 %]",
				     "among many [95 %]", "many/few [95 %]", "verdict"},
			    .number = {[1] = true, [3] = true, [4] = true, [5] = true}};
	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		const json_t *ratio = paired_find_ratio(document, cell, "last_to_first");
		const char *verdict = json_string_or(ratio, "verdict", "");
		int r = table_row(t, err);

		if (r < 0)
			return r;
		put_name(t, cell);
		table_cell(t, 1, TONE_PLAIN, "%s",
			   count_text(json_object_get(cell, "boxes"), text, sizeof(text)));
		table_cell(t, 2, TONE_QUIET, "%s", stops_text(cell, text, sizeof(text)));
		table_cell(t, 3, TONE_PLAIN, "%s",
			   table_time(json_object_get(cell, "first_ns"), 1, text, sizeof(text)));
		table_cell(t, 4, TONE_PLAIN, "%s",
			   table_time(json_object_get(cell, "last_ns"), 1, text, sizeof(text)));
		table_cell(t, 5, TONE_PLAIN, "%s", table_ratio(ratio, text, sizeof(text)));
		table_cell(t, 6, table_tone(verdict), "%s", verdict);
	}
	return 0;
}

static int make_weights(const json_t *document, struct table *t, struct tare_err *err)
{
	static const char *const bytes[] = {"pss_bytes", "group_bytes", "machine_bytes"};
	const json_t *cell;
	char text[160];
	size_t i;

	*t = (struct table){.n_columns = 6,
			    .head = {"environment", "PSS [95 %]", "its group [95 %]",
				     "of the machine [95 %]", "would fit", "PSS, ratio [95 %]"},
			    .number = {[1] = true, [2] = true, [3] = true, [4] = true, [5] = true}};
	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		const json_t *ratio = paired_find_ratio(document, cell, "pss_bytes");
		int r = table_row(t, err);

		if (r < 0)
			return r;
		put_name(t, cell);
		for (size_t c = 0; c < sizeof(bytes) / sizeof(*bytes); c++)
			table_cell(
				t, 1 + c, TONE_PLAIN, "%s",
				table_bytes(json_object_get(cell, bytes[c]), text, sizeof(text)));
		table_cell(t, 4, TONE_QUIET, "%s",
			   count_text(json_object_get(cell, "fit"), text, sizeof(text)));
		table_cell(t, 5, TONE_PLAIN, "%s",
			   ratio ? table_ratio(ratio, text, sizeof(text)) : "1");
	}
	return 0;
}

static void say_refusals(const json_t *document)
{
	const json_t *climb;
	size_t i;

	json_array_foreach(json_object_get(document, "climbs"), i, climb)
	{
		cleanup_json json_t *why = json_printable(json_object_get(climb, "why"));

		if (why)
			(void)printf("'%s' was refused box %llu in round %llu: %s\n",
				     json_string_or(climb, "env", ""),
				     (unsigned long long)json_u64_or(climb, "boxes", 0) + 1,
				     (unsigned long long)json_u64_or(climb, "round", 0) + 1,
				     json_string_value(why));
	}
}

void density_print(const json_t *document)
{
	cleanup_table struct table starts = {0}, weights = {0};
	const json_t *round;
	size_t n = 0, i;

	if (make_starts(document, &starts, NULL) < 0 || make_weights(document, &weights, NULL) < 0)
		return;
	json_array_foreach(json_object_get(document, "rounds"), i, round) n +=
		json_bool_or(round, "counts", false);
	(void)printf("Boxes put up one after the other, all staying up:\n\n");
	table_print(&starts, stdout);
	(void)printf("\nWhat each of them weighs, an idle player in it:\n\n");
	table_print(&weights, stdout);
	(void)printf("\n%zu round%s, seed %llu; 'would fit': within %.4g %% of the memory that was "
		     "available, by that alone\n",
		     n, n == 1 ? "" : "s", (unsigned long long)json_u64_or(document, "seed", 0),
		     json_double_or(document, "share_pct", NAN));
	say_refusals(document);
}

void density_show_progress(const struct density_progress *p)
{
	if (p->warming_up)
		log_progress(0, "warming up: %s", p->env);
	else
		log_progress(p->fraction, "round %zu: %s, %zu up", p->round + 1, p->env, p->up);
}
