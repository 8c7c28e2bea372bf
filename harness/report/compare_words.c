/* SPDX-License-Identifier: MIT */
/* A change in a sentence. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/compare_internal.h"

char *compare_value(const json_t *row, const char *side, char *buf, size_t size)
{
	double value = json_double_or(json_object_get(row, side), "value", NAN);
	const char *unit = json_string_or(row, "unit", "");

	if (isnan(value))
		(void)snprintf(buf, size, "-");
	else if (strcmp(unit, "ns") == 0)
		(void)units_print_ns(value, buf, size);
	else if (strcmp(unit, "B") == 0)
		(void)units_print_bytes(value, buf, size);
	else
		(void)snprintf(buf, size, *unit ? "%.4g %s" : "%#.4g", value, unit);
	return buf;
}

char *compare_change(const json_t *row, char *buf, size_t size)
{
	double change = json_double_or(row, "change", NAN);
	const json_t *ci = json_object_get(row, "ci");
	double low = 100 * (json_number_value(json_array_get(ci, 0)) - 1);
	double high = 100 * (json_number_value(json_array_get(ci, 1)) - 1);
	int digits = 1;

	if (isnan(change)) {
		(void)snprintf(buf, size, "-");
		return buf;
	}
	if (!json_is_array(ci)) {
		(void)snprintf(buf, size, "%+.3g %%", 100 * (change - 1));
		return buf;
	}
	/* The first digit that the interval leaves open is the last that is worth showing. */
	if (high > low)
		digits = (int)fmin(3, fmax(0, ceil(-log10((high - low) / 2))));
	(void)snprintf(buf, size, "%+.*f %% (%+.*f .. %+.*f)", digits, 100 * (change - 1), digits,
		       low, digits, high);
	return buf;
}

/* Lists by commas, what belongs together by colons: "/:4194304". */
static void put_value(FILE *out, const json_t *value)
{
	/* jansson has no way through an object that leaves it const. */
	json_t *object = (json_t *)(uintptr_t)value, *member; /* NOLINT */
	cleanup_free char *text = NULL;
	const char *key, *before = "";
	size_t i;

	if (json_is_string(value)) {
		(void)fprintf(out, "%.80s", json_string_value(value));
		return;
	}
	json_array_foreach(value, i, member)
	{
		(void)fputs(i ? "," : "", out);
		put_value(out, member);
	}
	json_object_foreach(object, key, member)
	{
		(void)fputs(before, out);
		put_value(out, member);
		before = ":";
	}
	if (!json_is_array(value) && !json_is_object(value))
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	(void)fputs(text ? text : "", out);
}

static void put_limit(FILE *out, const char *key, const json_t *value)
{
	char size[32];

	(void)fprintf(out, " %.40s=", key);
	if (strncmp(key, "memory", strlen("memory")) == 0 && json_is_integer(value))
		(void)fputs(units_print_bytes(json_number_value(value), size, sizeof(size)), out);
	else
		put_value(out, value);
}

static void put_load(FILE *out, const json_t *row)
{
	const char *params = json_string_or(row, "params", "");
	/* jansson has no way through an object that leaves it const. */
	json_t *limits = (json_t *)(uintptr_t)json_object_get(row, "limits"); /* NOLINT */
	const char *key;
	json_t *value;

	(void)fprintf(out, "%s%s%s%s", json_string_or(row, "load", ""), *params ? "," : "", params,
		      limits ? " with" : "");
	json_object_foreach(limits, key, value)
	{
		put_limit(out, key, value);
	}
}

static void put_figures(FILE *out, const json_t *row)
{
	const char *metric = json_string_or(row, "metric", "");
	bool central = strcmp(metric, "ns_per_op") == 0;
	char a[64], b[64];

	(void)compare_value(row, "a", a, sizeof(a));
	(void)compare_value(row, "b", b, sizeof(b));
	(void)fprintf(out, "%s%s%s", central ? "" : metric, central ? "" : " ", a);
	if (strcmp(json_string_or(row, "kind", ""), "ratios") == 0)
		(void)fprintf(out, " times %s", json_string_or(row, "baseline", ""));
	else if (central)
		(void)fputs(" an operation", out);
	(void)fprintf(out, " in A, %s in B", b);
}

static void put_changed(FILE *out, const json_t *row)
{
	const char *why = json_string_or(row, "why", "");
	char change[128];

	(void)fprintf(out, "%s, ", json_string_or(row, "shown", ""));
	put_load(out, row);
	(void)fputs(": ", out);
	put_figures(out, row);
	(void)fprintf(out, ": %s, %s", json_string_or(row, "verdict", ""),
		      compare_change(row, change, sizeof(change)));
	if (*why)
		(void)fprintf(out, ", %s", why);
	if (json_bool_or(row, "regression", false))
		(void)fputs("; a regression", out);
	else if (json_bool_or(row, "worse", false))
		(void)fputs("; not counted, since the machine has a part in it", out);
}

static void put_lost(FILE *out, const json_t *row)
{
	const char *why = json_string_or(row, "why", "");
	bool only_b = strcmp(json_string_or(row, "only_in", ""), "b") == 0;

	(void)fprintf(out, "%s, ", json_string_or(row, "shown", ""));
	put_load(out, row);
	(void)fprintf(out, ": measured in %s, and not in %s%s%s", only_b ? "B" : "A",
		      only_b ? "A" : "B", *why ? ": " : "", why);
	if (json_bool_or(row, "regression", false))
		(void)fputs("; a regression", out);
}

static char *written(void (*put)(FILE *out, const json_t *row), const json_t *row)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put(out, row);
	if (fclose(out) != 0 || !text) {
		free(text);
		return NULL;
	}
	return text_make_printable(text);
}

char *compare_load(const json_t *row)
{
	return written(put_load, row);
}

json_t *compare_sentence(const json_t *row)
{
	cleanup_free char *text =
		written(json_object_get(row, "only_in") ? put_lost : put_changed, row);

	return text ? json_string(text) : NULL;
}
