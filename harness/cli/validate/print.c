/* SPDX-License-Identifier: MIT */
#include "cli/validate/print.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/log.h"

static const struct {
	const char *verdict, *color;
} colors[] = {
	{"pass", "\033[32m"},       {"fail", "\033[31m"},  {"inconclusive", "\033[33m"},
	{"unsupported", "\033[2m"}, {"error", "\033[31m"},
};

static void print_verdict(const char *verdict)
{
	for (size_t i = 0; log_stdout_has_color() && i < sizeof(colors) / sizeof(colors[0]); i++) {
		if (strcmp(colors[i].verdict, verdict) != 0)
			continue;
		(void)printf("%s%-13s\033[0m", colors[i].color, verdict);
		return;
	}
	(void)printf("%-13s", verdict);
}

/* "1.99 [1.97, 2.01]", or "0 %". */
static void print_figure(const json_t *figure, const char *unit)
{
	double value = json_double_or(figure, "value", NAN);
	double low = json_double_or(figure, "low", NAN), high = json_double_or(figure, "high", NAN);
	char text[96] = "-";

	if (figure && low < high)
		(void)snprintf(text, sizeof(text), "%.4g [%.3g, %.3g] %s", value, low, high, unit);
	else if (figure)
		(void)snprintf(text, sizeof(text), "%.4g %s", value, unit);
	(void)printf(" %-24s", text);
}

/* "cpus 0.5  period_ms 10  ...": a line for each point that a figure was measured at. */
static void print_curve(const json_t *figure)
{
	const json_t *details = json_object_get(figure, "details"), *point;
	size_t i;

	json_array_foreach(json_object_get(details, "curve"), i, point)
	{
		const char *key;
		json_t *value;

		(void)printf("                 %s", i ? "      " : "curve:");
		/* jansson has no way through an object that leaves it const. */
		json_object_foreach((json_t *)(uintptr_t)point, key, value) /* NOLINT */
			(void) printf(" %s %-6.4g", key, 0.0 + json_number_value(value));
		(void)putchar('\n');
	}
}

static void print_result(const json_t *result, bool claims)
{
	const char *unit = json_string_or(result, "unit", "");
	const char *why = json_string_or(result, "why", "");
	const json_t *figure = json_object_get(result, "figure");

	(void)printf("  %-14s ", json_string_or(result, "check", ""));
	print_verdict(json_string_or(result, "verdict", ""));
	if (figure) {
		print_figure(figure, unit);
		print_figure(json_object_get(result, "control"), unit);
		(void)printf(" %s", json_string_or(result, "tolerance", ""));
	}
	if (*why)
		(void)printf("%s%s", figure ? "\n                 " : " ", why);
	(void)putchar('\n');
	if (!claims)
		return;
	(void)printf("                 claim: %s\n", json_string_or(result, "claim", ""));
	print_curve(figure);
}

void validate_print(const json_t *results, bool claims)
{
	const char *env = "";
	const json_t *result;
	size_t i;

	json_array_foreach(results, i, result)
	{
		const char *label = json_string_or(result, "env", "");

		if (strcmp(env, label) != 0)
			(void)printf("%s%s\n  %-14s %-13s %-24s %-24s %s\n", i ? "\n" : "", label,
				     "check", "verdict", "with the limit", "without", "tolerance");
		env = label;
		print_result(result, claims);
	}
}
