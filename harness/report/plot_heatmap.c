/* SPDX-License-Identifier: MIT */
/* Each system call in each environment against the baseline, from the observed rounds: the
 * log2 ratio of the means as a colour, the ratio as a number. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "report/plot.h"
#include "report/style.h"
#include "report/summary.h"

#define ROWS_MAX 48

/* Calls that a load makes as it goes along, not once at its end or for its turns. */
static bool is_row(const json_t *call)
{
	const char *name = json_string_or(call, "call", "");

	/* exit_group never returns: it has a count and no time. */
	return strcmp(name, "readv") != 0 && strcmp(name, "writev") != 0 &&
	       json_is_number(json_object_get(call, "mean_ns")) &&
	       2 * json_u64_or(call, "count", 0) >= json_u64_or(call, "ops", 1);
}

static size_t survey(const json_t *calls, const json_t **rows)
{
	json_t *call;
	size_t n = 0, i, row;

	json_array_foreach(calls, i, call)
	{
		for (row = 0; row < n && !summary_is_like(rows[row], call, "call"); row++)
			;
		if (row == n && n < ROWS_MAX && is_row(call))
			rows[n++] = call;
	}
	return n;
}

static const json_t *find(const json_t *calls, const json_t *row, const char *env)
{
	json_t *call;
	size_t i;

	json_array_foreach(calls, i, call)
	{
		if (summary_is_like(call, row, "call") &&
		    strcmp(json_string_or(call, "env", ""), env) == 0)
			return call;
	}
	return NULL;
}

/* x, y, the colour as a number, the text. */
static void put_cell(FILE *data, size_t x, size_t y, const json_t *call)
{
	double ratio = json_double_or(call, "ratio", NAN);
	char hex[8], text[32] = "-";

	(void)style_hex(style_heat(log2(ratio)), hex);
	if (isfinite(ratio))
		(void)snprintf(text, sizeof(text), ratio < 9.95 ? "%.2f%s" : "%.0f%s", ratio,
			       json_bool_or(call, "resolvable", true) ? "" : " ~");
	(void)fprintf(data, "%zu\t%zu\t%ld\t%s\n", x, y, strtol(hex + 1, NULL, 16), text);
}

/* Another group's row is of the same call of the same load. */
static bool is_in_groups(const json_t *const *rows, size_t n, size_t row)
{
	static const char *const keys[] = {"load", "params", "call"};

	for (size_t i = 0; i < n; i++) {
		bool same = i != row;

		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			same = same && json_equal(json_object_get(rows[i], keys[k]),
						  json_object_get(rows[row], keys[k]));
		if (same)
			return true;
	}
	return false;
}

static void put_axes(FILE *script, const json_t *const *rows, size_t n)
{
	const char *before = "";

	(void)fprintf(script, "set ytics scale 0 (");
	for (size_t i = 0; i < n; i++) {
		const char *params = json_string_or(rows[i], "params", "");
		bool groups = is_in_groups(rows, n, i);
		char label[192];

		(void)snprintf(label, sizeof(label), "%.40s%s%.40s: %.32s%s%.32s%s",
			       json_string_or(rows[i], "load", ""), *params ? " " : "", params,
			       json_string_or(rows[i], "call", ""), groups ? " (" : "",
			       groups ? json_string_or(rows[i], "group", "") : "",
			       groups ? ")" : "");
		(void)fprintf(script, "%s", before);
		plot_quote(script, label);
		(void)fprintf(script, " %zu", n - i);
		before = ", ";
	}
	(void)fprintf(script, ")\n");
}

/* In two lines, for they are long: the label, and what must be said with it. */
static void put_heads(const struct run *run, const size_t *envs, size_t n_envs, size_t n_rows,
		      FILE *script)
{
	for (size_t x = 0; x < n_envs; x++) {
		const struct run_env *env = &run->envs[envs[x]];

		(void)fprintf(script, "set label %zu ", 2 * x + 1);
		plot_quote(script, env->label);
		(void)fprintf(script, " at first %zu, first %.2f center textcolor rgb '#222222'\n",
			      x + 1, (double)n_rows + (*env->apart ? 1.35 : 0.75));
		if (*env->apart)
			(void)fprintf(script,
				      "set label %zu '(%s)' at first %zu, first %.2f center "
				      "textcolor rgb '#5c5c5c'\n",
				      2 * x + 2, env->apart, x + 1, (double)n_rows + 0.75);
	}
}

static size_t survey_envs(const struct run *run, const json_t *calls, size_t *envs)
{
	size_t n = 0, i;
	json_t *call;

	for (size_t env = 0; env < run->n_envs; env++) {
		bool seen = false;

		json_array_foreach(calls, i, call) seen |=
			strcmp(json_string_or(call, "env", ""), run->envs[env].label) == 0;
		if (seen)
			envs[n++] = env;
	}
	return n;
}

int plot_heatmap(const char *dir, const struct run *run, const json_t *summary,
		 struct tare_err *err)
{
	const json_t *calls = json_object_get(summary, "syscalls"), *rows[ROWS_MAX];
	size_t envs[RUN_ENVS_MAX], n_envs = survey_envs(run, calls, envs), n = survey(calls, rows);
	struct plot plot;
	int r;

	if (n == 0)
		return 0;
	r = plot_begin(dir, "heatmap", &plot, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		for (size_t x = 0; x < n_envs; x++)
			put_cell(plot.data, x + 1, n - i,
				 find(calls, rows[i], run->envs[envs[x]].label));
	}
	put_axes(plot.script, rows, n);
	put_heads(run, envs, n_envs, n, plot.script);
	(void)fprintf(
		plot.script,
		"unset grid\nset border 0\nunset xtics\n"
		"set xrange [0.5:%zu.5]\nset yrange [0.2:%.2f]\n"
		"set style fill solid 1 noborder\nset lmargin at screen 0.28\n"
		"set tmargin 0\nset bmargin 0\n"
		"plot 'heatmap.tsv' using 1:2:(0.48):(0.46):3 with boxxyerror lc rgb variable, "
		"\\\n  '' using 1:2:4 with labels textcolor rgb '#222222'\n",
		n_envs, (double)n + 1.9);
	return plot_end(&plot, 860, 54 + 30 * (int)n, err);
}
