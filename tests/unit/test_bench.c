/* SPDX-License-Identifier: MIT */
/* tare bench without running anything: parameters, the pairing of rounds, and what is told. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/bench/document.h"
#include "rounds/paired.h"

#define ROUNDS 7

static struct bench_plan *plan_of(void **state)
{
	return *state;
}

static void add(struct bench_plan *plan, const char *name, const char *values)
{
	struct tare_err err = {0};

	if (bench_add_parameter(plan, name, values, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct env_list envs;

static int make_plan(void **state)
{
	static char run[] = "run", both[] = "{n}{size}", other[] = "--{other}";
	static char *command[] = {run, both, other, NULL};
	struct bench_plan *plan = calloc(1, sizeof(*plan));

	envs = (struct env_list){0};
	*plan = (struct bench_plan){
		.envs = &envs, .command = command, .asked = {.rounds = ROUNDS, .effect = 0.01}};
	*state = plan;
	return args_parse_envs("native,container", &envs, NULL);
}

static int free_plan(void **state)
{
	struct bench_plan *plan = *state;

	env_list_free(&envs);
	bench_clear_parameters(plan);
	free(plan);
	return 0;
}

static void points_are_all_pairs_of_values_the_last_changing_fastest(void **state)
{
	static const char *const names[] = {
		"n=1 size=a", "n=1 size=b", "n=1 size=", "n=2 size=a", "n=2 size=b", "n=2 size="};
	struct bench_plan *plan = plan_of(state);
	char name[64];

	assert_int_equal(bench_points(plan), 1);
	assert_string_equal(bench_point_name(plan, 0, name, sizeof(name)), "");
	add(plan, "n", "1,2");
	add(plan, "size", "a,b,");
	assert_int_equal(bench_points(plan), 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(bench_point_name(plan, i, name, sizeof(name)), names[i]);
}

static void names_in_braces_become_values_and_other_braces_stay(void **state)
{
	struct bench_plan *plan = plan_of(state);
	char **words, *text;

	add(plan, "n", "1,{size}");
	add(plan, "size", "64K");
	assert_int_equal(bench_words(plan, 0, &words, NULL), 0);
	assert_string_equal(words[0], "run");
	assert_string_equal(words[1], "164K");
	assert_string_equal(words[2], "--{other}");
	assert_null(words[3]);
	bench_free_words(words);
	/* A value is a text, not a pattern. */
	assert_int_equal(bench_substitute(plan, 1, "{{n}} {n", &text, NULL), 0);
	assert_string_equal(text, "{{size}} {n");
	free(text);
}

static void a_command_that_grows_too_long_is_refused(void **state)
{
	struct bench_plan *plan = plan_of(state);
	char *values = calloc(1, BENCH_COMMAND_MAX + 1), *text;

	memset(values, 'x', BENCH_COMMAND_MAX - 2);
	add(plan, "n", values);
	free(values);
	assert_int_equal(bench_substitute(plan, 0, "{n}y", &text, NULL), 0);
	free(text);
	assert_int_equal(bench_substitute(plan, 0, "{n}yy", &text, NULL), -E2BIG);
}

static void check_refused(struct bench_plan *plan, const char *name, const char *values,
			  const char *words)
{
	struct tare_err err = {0};

	assert_int_equal(bench_add_parameter(plan, name, values, &err), -EINVAL);
	if (!strstr(err.msg, words))
		fail_msg("'%s' lacks '%s'", err.msg, words);
}

static void parameters_that_mean_nothing_are_refused(void **state)
{
	struct bench_plan *plan = plan_of(state);
	struct tare_err err = {0};

	check_refused(plan, "", "1", "no name of a parameter");
	check_refused(plan, "a b", "1", "no name of a parameter");
	check_refused(plan, "{n}", "1", "no name of a parameter");
	check_refused(plan, "n", "", "no value");
	add(plan, "n", "1");
	check_refused(plan, "n", "2", "twice");
	assert_int_equal(bench_check(plan, &err), 0);
	add(plan, "nn", "1");
	assert_int_equal(bench_check(plan, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "nothing uses parameter 'nn'"));
	plan->prepare = "touch {nn}";
	assert_int_equal(bench_check(plan, NULL), 0);
}

static void more_cells_than_a_round_takes_are_refused(void **state)
{
	struct bench_plan *plan = plan_of(state);
	char values[2 * BENCH_CELLS_MAX];

	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = i % 2 ? ',' : '1';
	values[BENCH_CELLS_MAX - 1] = '\0'; /* half as many values, times two environments */
	add(plan, "n", values);
	assert_int_equal(bench_check(plan, NULL), 0);
	add(plan, "size", "1,2");
	assert_int_equal(bench_check(plan, NULL), -EINVAL);
}

/* Rounds 2 to 8 times as slow as each other; within each the second row takes 1.5 times as long. */
static void what_a_round_does_to_both_cancels(void **state)
{
	struct tare_err err = {0};
	struct paired paired;
	json_t *ratio;

	(void)state;
	assert_int_equal(paired_make(2, 8, &paired, &err), 0);
	for (size_t i = 0; i < 7; i++) {
		paired_put(&paired, 0, i, 100.0 * (double)(i + 2));
		paired_put(&paired, 1, i, 150.0 * (double)(i + 2) * (i % 2 ? 1.001 : 0.999));
	}
	paired_put(&paired, 0, 7, 5); /* without its pair */
	assert_int_equal(paired_ratio(&paired, 1, 0, 0.01, &ratio, &err), 0);
	assert_true(fabs(json_double_or(ratio, "ratio", 0) - 1.5) < 0.002);
	assert_int_equal(json_u64_or(ratio, "rounds", 0), 7);
	assert_string_equal(json_string_or(ratio, "verdict", ""), "slower");
	assert_null(json_object_get(ratio, "why"));
	json_decref(ratio);
	assert_int_equal(paired_ratio(&paired, 0, 1, 0.01, &ratio, &err), 0);
	assert_string_equal(json_string_or(ratio, "verdict", ""), "faster");
	json_decref(ratio);
	free(paired.x);
}

static void few_rounds_say_what_they_lack(void **state)
{
	struct paired paired;
	json_t *ratio, *figure;

	(void)state;
	assert_int_equal(paired_make(2, 3, &paired, NULL), 0);
	for (size_t i = 0; i < 3; i++) {
		paired_put(&paired, 0, i, 100);
		paired_put(&paired, 1, i, 200);
	}
	paired_put(&paired, 5, 0, 1); /* no such row: nothing is written */
	assert_int_equal(paired_ratio(&paired, 1, 0, 0.01, &ratio, NULL), 0);
	assert_string_equal(json_string_or(ratio, "verdict", ""), "inconclusive");
	assert_non_null(strstr(json_string_or(ratio, "why", ""), "an interval needs 5"));
	assert_true(json_is_null(json_object_get(ratio, "ci")));
	json_decref(ratio);
	assert_int_equal(paired_figure(&paired, 1, &figure, NULL), 0);
	assert_true(json_double_or(figure, "location", 0) > 199.999 &&
		    json_double_or(figure, "location", 0) < 200.001);
	assert_true(fabs(json_double_or(figure, "stddev", 1)) < 1e-9);
	json_decref(figure);
	free(paired.x);
}

static void figures_that_are_zero_count(void **state)
{
	static const double values[] = {0, 4, 0, 8, 2};
	struct paired paired;
	json_t *figure;

	(void)state;
	assert_int_equal(paired_make(2, 5, &paired, NULL), 0);
	for (size_t i = 0; i < 5; i++)
		paired_put(&paired, 0, i, values[i]);
	assert_int_equal(paired_figure(&paired, 0, &figure, NULL), 0);
	assert_int_equal(json_u64_or(figure, "rounds", 0), 5);
	assert_true(fabs(json_double_or(figure, "mean", 0) - 2.8) < 1e-12);
	assert_true(fabs(json_double_or(figure, "median", 0) - 2) < 1e-12);
	assert_true(fabs(json_double_or(figure, "stddev", 0) - sqrt(11.2)) < 1e-12);
	assert_true(fabs(json_double_or(figure, "location", 0) - 2) < 1e-12);
	assert_true(json_is_null(json_object_get(figure, "ci")));
	json_decref(figure);
	assert_int_equal(paired_figure(&paired, 1, &figure, NULL), 0);
	assert_int_equal(json_u64_or(figure, "rounds", 1), 0);
	json_decref(figure);
	free(paired.x);
}

/* Native takes 10 ms and the container 20 ms, but for one round, which is void, and one that was
 * not played to its end. */
static json_t *make_document(struct bench_plan *plan)
{
	struct bench_run runs[2 * (ROUNDS + 2)];
	struct round rounds[ROUNDS + 2];
	struct bench_result result = {
		.runs = runs,
		.rounds = {.items = rounds, .n = ROUNDS + 2, .end = "time budget"},
		.instances = json_array(),
		.programs = json_pack("[s, s]", "aa", "bb"),
		.players_cpu = 1};
	struct tare_err err = {0};
	json_t *document = NULL;

	for (size_t r = 0; r < ROUNDS + 2; r++) {
		bool isvoid = r == 3, torn = r == ROUNDS + 1;

		rounds[r] = (struct round){
			isvoid ? json_pack("{s:s}", "void", "steal") : json_object(), !torn};
		for (size_t env = 0; env < (torn ? 1 : 2); env++)
			runs[result.n_runs++] = (struct bench_run){
				.round = r,
				.position = env,
				.env = env,
				.wall_ns = isvoid || torn ? 77 : (env + 1) * 10000000,
				.user_us = env * 1000,
				.status = env      ? 9
					  : r == 0 ? 3 << 8
						   : 0,
				.instance = "m0"};
	}
	if (bench_document(plan, &result, &document, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t r = 0; r < ROUNDS + 2; r++)
		json_decref(rounds[r].validity);
	json_decref(result.instances);
	json_decref(result.programs);
	return document;
}

static void only_rounds_that_count_make_figures_and_all_runs_are_told(void **state)
{
	json_t *d = make_document(plan_of(state));
	const json_t *container = json_array_get(json_object_get(d, "cells"), 1);
	const json_t *ratio = json_array_get(json_object_get(d, "ratios"), 0);
	const json_t *wall = json_object_get(container, "wall_ns");

	assert_int_equal(json_array_size(json_object_get(d, "runs")), 2 * (ROUNDS + 1) + 1);
	assert_int_equal(json_array_size(json_object_get(d, "ratios")), 1);
	assert_int_equal(json_u64_or(wall, "rounds", 0), ROUNDS);
	assert_true(fabs(json_double_or(wall, "min", 0) - 2e7) < 1);
	assert_true(fabs(json_double_or(ratio, "ratio", 0) - 2) < 1e-9);
	assert_string_equal(json_string_or(ratio, "env", ""), "container");
	assert_string_equal(json_string_or(ratio, "baseline", ""), "native");
	assert_int_equal(json_u64_or(container, "failures", 0), ROUNDS);
	assert_string_equal(bench_other_program(d), "container");
	(void)json_put(json_array_get(json_object_get(d, "cells"), 1), "program_sha256",
		       json_string("aa"));
	assert_null(bench_other_program(d));
	json_decref(d);
}

static char *exported(const json_t *document,
		      int (*write)(const json_t *, FILE *, struct tare_err *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(write(document, to, NULL), 0);
	(void)fclose(to);
	return text;
}

static void the_export_is_what_hyperfine_writes(void **state)
{
	json_t *d = make_document(plan_of(state));
	char *text = exported(d, bench_export_json);
	json_t *all = json_loads(text, 0, NULL);
	const json_t *native = json_array_get(json_object_get(all, "results"), 0);
	const json_t *codes = json_object_get(native, "exit_codes");

	assert_int_equal(json_array_size(json_object_get(native, "times")), ROUNDS);
	assert_true(fabs(json_double_or(native, "mean", 0) - 0.01) < 1e-12);
	assert_true(fabs(json_double_or(native, "user", 1)) < 1e-12);
	assert_int_equal(json_integer_value(json_array_get(codes, 0)), 3);
	assert_string_equal(json_string_or(native, "command", ""), "run {n}{size} --{other}");
	codes = json_object_get(json_array_get(json_object_get(all, "results"), 1), "exit_codes");
	assert_true(json_is_null(json_array_get(codes, 0)));
	json_decref(all);
	json_decref(d);
	free(text);
}

static void a_line_of_csv_is_a_run_and_survives_any_value(void **state)
{
	struct bench_plan *plan = plan_of(state);
	json_t *d;
	char *text;

	add(plan, "n", "a\"b c");
	d = make_document(plan);
	text = exported(d, bench_export_csv);
	assert_non_null(strstr(text, "environment,parameter_n,round,position,counts,wall_s,"));
	assert_non_null(
		strstr(text, "native,\"a\"\"b c\",0,0,TRUE,0.010000000,0.000000,0.000000,3,\n"));
	assert_non_null(strstr(text, "container,\"a\"\"b c\",3,1,FALSE,0.000000077,"));
	assert_non_null(strstr(text, ",,9\n"));
	json_decref(d);
	free(text);
}

#define with_plan(test) cmocka_unit_test_setup_teardown(test, make_plan, free_plan)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_plan(points_are_all_pairs_of_values_the_last_changing_fastest),
		with_plan(names_in_braces_become_values_and_other_braces_stay),
		with_plan(a_command_that_grows_too_long_is_refused),
		with_plan(parameters_that_mean_nothing_are_refused),
		with_plan(more_cells_than_a_round_takes_are_refused),
		cmocka_unit_test(what_a_round_does_to_both_cancels),
		cmocka_unit_test(few_rounds_say_what_they_lack),
		cmocka_unit_test(figures_that_are_zero_count),
		with_plan(only_rounds_that_count_make_figures_and_all_runs_are_told),
		with_plan(the_export_is_what_hyperfine_writes),
		with_plan(a_line_of_csv_is_a_run_and_survives_any_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
