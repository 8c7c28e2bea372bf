/* SPDX-License-Identifier: MIT */
/* A comparison of two runs' folders whose rounds are known to the last digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/fingerprint.h"
#include "folder.h"
#include "report/compare.h"
#include "stats/change.h"

/* A folder under construction. */
struct made {
	char dir[64];
	FILE *records;
	int seq;
};

static void begin(struct made *made, const char *name, const char *machine)
{
	char path[128];

	*made = (struct made){.seq = 0};
	(void)snprintf(made->dir, sizeof(made->dir), "%s/%s", folder, name);
	assert_int_equal(fd_remove_tree(made->dir, NULL), 0);
	assert_int_equal(fd_make_dirs(made->dir, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/manifest.json", made->dir);
	cleanup_fclose FILE *manifest = fopen(path, "we");
	assert_non_null(manifest);
	(void)fprintf(manifest,
		      "{\"schema\":\"tare.manifest/1\",\"run\":\"%s\",\"seed\":1,\"campaign\":{"
		      "\"effect_pct\":1,\"baseline\":\"native\"},\"envs\":[],\"machine\":%s}",
		      name, machine);
	(void)snprintf(path, sizeof(path), "%s/records.jsonl", made->dir);
	made->records = fopen(path, "we");
	assert_non_null(made->records);
}

/* A trial of one slice; more: members of the record, ",\"key\":value". */
static void put_limited(struct made *made, const char *group, const char *env, const char *load,
			int round, double ns, const char *limits, const char *more)
{
	(void)fprintf(made->records,
		      "{\"schema\":\"tare.record/1\",\"seq\":%d,\"group\":\"%s\",\"round\":%d,"
		      "\"set\":\"%s\",\"position\":0,\"status\":\"%s\",\"trial\":{\"env\":\"%s\","
		      "\"load\":\"%s\",\"params\":{},\"mode\":\"batch\",\"limits\":%s},"
		      "\"load\":{\"slices\":{\"pass\":[0],\"position\":[0],\"ops\":[1000],"
		      "\"ns\":[%.0f]}}%s}\n",
		      made->seq++, group, round, load, ns > 0 ? "ok" : "failed", env, load, limits,
		      fabs(1000 * ns), more);
}

static void put(struct made *made, const char *group, const char *env, const char *load, int round,
		double ns, const char *more)
{
	put_limited(made, group, env, load, round, ns, "{}", more);
}

static json_t *compared(struct made *a, struct made *b, const struct compare_options *options)
{
	struct tare_err err = {0};
	json_t *comparison = NULL;

	assert_int_equal(fclose(a->records), 0);
	assert_int_equal(fclose(b->records), 0);
	if (compare_runs(a->dir, b->dir, options, &comparison, &err) < 0)
		fail_msg("%s", err.msg);
	return comparison;
}

/* NULL: none, and there must be no two. */
static const json_t *find(const json_t *comparison, const char *kind, const char *env,
			  const char *load)
{
	const json_t *row, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(comparison, "changes"), i, row)
	{
		if (strcmp(json_string_or(row, "kind", ""), kind) != 0 ||
		    strcmp(json_string_or(row, "env", ""), env) != 0 ||
		    strcmp(json_string_or(row, "load", ""), load) != 0)
			continue;
		assert_null(found);
		found = row;
	}
	return found;
}

static const struct compare_options all = {.effect_pct = 0};

static void a_change_is_that_of_the_rounds_ratios(void **state)
{
	static const double a_ns[] = {110, 111, 109, 112, 110, 108},
			    b_ns[] = {115, 114, 117, 116, 115, 113, 118};
	cleanup_json json_t *comparison = NULL;
	struct location a, b, change;
	struct made made_a, made_b;
	double x[7], y[7];
	const json_t *row;

	(void)state;
	begin(&made_a, "a", "{}");
	begin(&made_b, "b", "{}");
	for (int i = 0; i < 6; i++) {
		put(&made_a, "g", "native", "l", i, 100, "");
		put(&made_a, "g", "box", "l", i, a_ns[i], "");
		x[i] = log(a_ns[i] / 100);
	}
	/* Twice as slow a machine, and another name of the group. */
	for (int i = 0; i < 7; i++) {
		put(&made_b, "h", "native", "l", i, 200, "");
		put(&made_b, "h", "box", "l", i, 2 * b_ns[i], "");
		y[i] = log(b_ns[i] / 100);
	}
	assert_int_equal(location_of(x, 6, &a, NULL), 0);
	assert_int_equal(location_of(y, 7, &b, NULL), 0);
	change_of(&a, &b, &change);
	comparison = compared(&made_a, &made_b, &all);
	row = find(comparison, "ratios", "box", "l");
	assert_non_null(row);
	assert_true(fabs(json_double_or(row, "change", 0) - exp(change.estimate)) < 1e-9);
	assert_true(fabs(json_number_value(json_array_get(json_object_get(row, "ci"), 0)) -
			 exp(change.low)) < 1e-9);
	assert_true(fabs(json_number_value(json_array_get(json_object_get(row, "ci"), 1)) -
			 exp(change.high)) < 1e-9);
	/* The change is that of the figures that each run shows. */
	assert_true(fabs(json_double_or(json_object_get(row, "b"), "value", 0) /
				 json_double_or(json_object_get(row, "a"), "value", 0) -
			 json_double_or(row, "change", 0)) < 1e-9);
	assert_string_equal(json_string_or(row, "verdict", ""), "slower");
	assert_true(json_bool_or(row, "regression", false));
	/* The machine's own slowness is told and does not count. */
	row = find(comparison, "times", "native", "l");
	assert_true(json_bool_or(row, "worse", false));
	assert_false(json_bool_or(row, "regression", true));
	assert_null(find(comparison, "ratios", "native", "l"));
	assert_int_equal(json_u64_or(comparison, "regressions", 0), 1);
}

/* As many cells as are given, all of which are slower by the same 1.5 %, as sure as 8 rounds of
 * some noise make it. */
static json_t *many_cells(int n)
{
	static const double noise[] = {0, 9, -8, 4, -5, 7, -9, 2};
	struct made a, b;

	begin(&a, "a", "{}");
	begin(&b, "b", "{}");
	for (int load = 0; load < n; load++) {
		for (int i = 0; i < 8; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "l%d", load);
			put(&a, "g", "native", name, i, 1000, "");
			put(&a, "g", "box", name, i, 1000 + noise[i], "");
			put(&b, "g", "native", name, i, 1000, "");
			put(&b, "g", "box", name, i, 1015 + noise[(i + 3) % 8], "");
		}
	}
	return compared(&a, &b, &(struct compare_options){.only = {[COMPARE_RATIOS] = true}});
}

static void one_question_is_corrected_over_all_cells(void **state)
{
	cleanup_json json_t *one = many_cells(1), *many = many_cells(40);
	const json_t *row = find(one, "ratios", "box", "l0"),
		     *of_many = find(many, "ratios", "box", "l0");
	double p = json_double_or(row, "p", -1);

	(void)state;
	assert_true(p > 0.00125 && p < 0.05);
	assert_true(json_double_or(row, "p_holm", -1) == p);
	assert_true(json_bool_or(row, "regression", false));
	assert_true(json_double_or(of_many, "p", -1) == p);
	assert_true(fabs(json_double_or(of_many, "p_holm", -1) - fmin(1, 40 * p)) < 1e-12);
	assert_string_equal(json_string_or(of_many, "verdict", ""), "inconclusive");
	assert_non_null(strstr(json_string_or(of_many, "why", ""), "Holm"));
	assert_int_equal(json_u64_or(many, "regressions", 1), 0);
}

static void put_used(struct made *made, const char *group, int round, const char *cpus, int used_us)
{
	cleanup_free char *limits = text_format("{\"cpus\":%s}", cpus),
			  *seen = text_format(",\"collectors\":{\"cpu\":{\"usage_us\":%d,"
					      "\"wall_ns\":1000000000}}",
					      used_us);

	put_limited(made, group, "native", "l", round, 100, limits, seen);
}

static void a_quota_is_compared_with_itself_alone(void **state)
{
	cleanup_json json_t *comparison = NULL;
	const json_t *lost, *row;
	struct made a, b;

	(void)state;
	begin(&a, "a", "{}");
	begin(&b, "b", "{}");
	for (int i = 0; i < 6; i++) {
		put_used(&a, "less", i, "0.25", 250000);
		put_used(&a, "half", i, "0.5", 500000 + 100 * i);
		put_used(&b, "group", i, "0.5", 480000 + 100 * i);
	}
	comparison = compared(&a, &b, &all);
	lost = json_object_get(comparison, "not_in_both");
	assert_int_equal(json_array_size(lost), 1);
	assert_string_equal(json_string_or(json_array_get(lost, 0), "group", ""), "less");
	assert_false(json_bool_or(json_array_get(lost, 0), "regression", true));
	/* Less than the quota is a loss, as more is a leak. */
	row = find(comparison, "figures", "native", "l");
	assert_non_null(row);
	assert_string_equal(json_string_or(row, "metric", ""), "cpu_cores");
	assert_string_equal(json_string_or(row, "verdict", ""), "lower");
	assert_true(json_bool_or(row, "regression", false));
	assert_non_null(strstr(json_string_or(row, "sentence", ""), "native, l with cpus=0.5: "));
}

static void machines_are_told_apart(void **state)
{
	static const struct {
		const char *machine, *differs;
	} cases[] = {
		{"{\"hostname\":\"h\",\"cpus\":2,\"memory_bytes\":1000,\"kernel\":\"6\"}", NULL},
		{"{\"hostname\":\"h\",\"cpus\":2,\"memory_bytes\":990}", NULL},
		{"{\"hostname\":\"h\",\"cpus\":2,\"memory_bytes\":500}", "memory_bytes"},
		{"{\"hostname\":\"h\",\"cpus\":4,\"memory_bytes\":1000}", "cpus"},
		{"{\"hostname\":\"i\",\"cpus\":2,\"memory_bytes\":1000}", "hostname"},
		{"{\"hostname\":\"h\",\"cpu_model\":\"m\",\"cpus\":2}", "cpu_model"},
		{"null", "hostname"},
	};
	cleanup_json json_t *a = json_loads(cases[0].machine, 0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_json json_t *b = json_loads(cases[i].machine, JSON_DECODE_ANY, NULL);
		const char *differs = fingerprint_other_machine(a, b);

		if (!cases[i].differs)
			assert_null(differs);
		else
			assert_string_equal(differs, cases[i].differs);
	}
}

static void other_machines_are_refused(void **state)
{
	struct tare_err err = {0};
	json_t *comparison = NULL;
	struct made a, b;

	(void)state;
	begin(&a, "a", "{\"hostname\":\"here\"}");
	begin(&b, "b", "{\"hostname\":\"there\"}");
	(void)fclose(a.records);
	(void)fclose(b.records);
	assert_int_equal(compare_runs(a.dir, b.dir, &all, &comparison, &err), -EXDEV);
	assert_null(comparison);
	assert_non_null(strstr(err.msg, "--different-machines"));
	assert_int_equal(compare_runs(a.dir, b.dir,
				      &(struct compare_options){.different_machines = true},
				      &comparison, NULL),
			 0);
	assert_false(json_bool_or(comparison, "same_machine", true));
	assert_int_equal(json_array_size(json_object_get(comparison, "changes")), 0);
	json_decref(comparison);
}

static void what_fails_now_is_a_regression(void **state)
{
	cleanup_json json_t *comparison = NULL, *back = NULL;
	struct made a, b;
	const json_t *lost;

	(void)state;
	begin(&a, "a", "{}");
	begin(&b, "b", "{}");
	for (int i = 0; i < 6; i++) {
		put(&a, "g", "native", "l", i, 100, "");
		put(&b, "g", "native", "l", i, -100, ",\"why\":\"it \\u0007 broke\"");
	}
	comparison = compared(&a, &b, &all);
	lost = json_array_get(json_object_get(comparison, "not_in_both"), 0);
	assert_string_equal(json_string_or(lost, "sentence", ""),
			    "native, l: measured in A, and not in B: it ? broke; a regression");
	assert_int_equal(json_u64_or(comparison, "regressions", 0), 1);
	assert_int_equal(json_array_size(json_object_get(comparison, "findings")), 1);
	assert_int_equal(compare_runs(b.dir, a.dir, &all, &back, NULL), 0);
	assert_int_equal(json_u64_or(back, "regressions", 1), 0);
}

/* As resume writes it: what is of that round is taken back, and done again. */
static void take_back(struct made *made, int round)
{
	(void)fprintf(made->records,
		      "{\"schema\":\"tare.record/1\",\"superseded\":true,\"group\":\"g\","
		      "\"round\":%d,\"set\":\"l\"}\n",
		      round);
}

static bool is_regression(struct made *a, struct made *b, const char *why)
{
	cleanup_json json_t *comparison = compared(a, b, &all);
	const json_t *lost = json_object_get(comparison, "not_in_both"), *row;

	if (json_array_size(lost) != (why ? 1 : 0))
		fail_msg("%zu are not in both", json_array_size(lost));
	row = json_array_get(lost, 0);
	if (why)
		assert_string_equal(json_string_or(row, "why", ""), why);
	return json_bool_or(row, "regression", false);
}

static void all_trials_say_whether_a_load_was_lost(void **state)
{
	static const struct {
		double a_ns, b_ns[3]; /* of b's rounds; negative: it failed, 0: taken back */
		const char *why;      /* NULL: it is in both, or in neither */
		bool regression;
	} cases[] = {
		{100, {-100, 100, 100}, NULL, false},
		{100, {0, -100, -100}, "broke in 1", true},
		{100, {-100, -100, -100}, "broke in 0", true},
		{100, {0, 0, 0}, "none of its rounds was finished", false},
		{-100, {-100, -100, -100}, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct made a, b;

		begin(&a, "a", "{}");
		begin(&b, "b", "{}");
		for (int round = 0; round < 3; round++) {
			double ns = cases[i].b_ns[round];
			char why[32];

			(void)snprintf(why, sizeof(why), ",\"why\":\"broke in %d\"", round);
			put(&a, "g", "native", "l", round, cases[i].a_ns, "");
			put(&b, "g", "native", "l", round, ns == 0 ? 100 : ns, why);
			if (ns == 0)
				take_back(&b, round);
		}
		assert_int_equal(is_regression(&a, &b, cases[i].why), cases[i].regression);
	}
}

static void what_failed_before_and_is_not_there_now_is_no_loss(void **state)
{
	struct made a, b;

	(void)state;
	begin(&a, "a", "{}");
	begin(&b, "b", "{}");
	put(&a, "g", "native", "l", 0, -100, "");
	assert_false(is_regression(&a, &b, NULL));
}

static void another_accelerator_is_no_regression(void **state)
{
	static const char *const of[] = {",\"instance\":{\"accel\":\"tcg\"}",
					 ",\"instance\":{\"accel\":\"kvm\"}"};
	cleanup_json json_t *comparison = NULL;
	struct made a, b;

	(void)state;
	begin(&a, "a", "{}");
	begin(&b, "b", "{}");
	for (int i = 0; i < 3; i++) {
		put(&a, "g", "vm", "l", i, 100, of[0]);
		put(&b, "g", "vm", "l", i, i == 0 ? -100 : 100, of[1]);
	}
	comparison = compared(&a, &b, &all);
	assert_int_equal(json_array_size(json_object_get(comparison, "not_in_both")), 2);
	assert_int_equal(json_u64_or(comparison, "regressions", 1), 0);
}

static void a_campaign_that_is_nonsense_takes_the_usual_effect(void **state)
{
	static const char *const effects[] = {"-1", "0", "1e300", "\"x\"", "null"};

	(void)state;
	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++) {
		cleanup_json json_t *comparison = NULL;
		cleanup_free char *path = NULL;
		struct made a;

		begin(&a, "a", "{}");
		path = text_format("%s/manifest.json", a.dir);
		cleanup_fclose FILE *manifest = fopen(path, "we");
		assert_non_null(manifest);
		(void)fprintf(manifest,
			      "{\"schema\":\"tare.manifest/1\",\"campaign\":{\"effect_pct\":%s}}",
			      effects[i]);
		assert_int_equal(fflush(manifest), 0);
		assert_int_equal(fclose(a.records), 0);
		assert_int_equal(compare_runs(a.dir, a.dir, &all, &comparison, NULL), 0);
		assert_true(json_double_or(comparison, "effect_pct", 0) == 1);
	}
}

static void figures_are_written_for_people(void **state)
{
	static const struct {
		const char *row, *a, *change;
	} cases[] = {
		{"{\"unit\":\"\",\"a\":{\"value\":12},\"change\":1.021,\"ci\":[1.0154,1.0266]}",
		 "12.00", "+2.1 % (+1.5 .. +2.7)"},
		{"{\"unit\":\"B\",\"a\":{\"value\":1048576},\"change\":0.5,\"ci\":null}", "1 MiB",
		 "-50 %"},
		{"{\"unit\":\"CPUs\",\"a\":{\"value\":0.5},\"change\":1,\"ci\":[1,1]}", "0.5 CPUs",
		 "+0.0 % (+0.0 .. +0.0)"},
		{"{\"unit\":\"ns\",\"a\":{\"value\":null},\"change\":null,\"ci\":null}", "-", "-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_json json_t *row = json_loads(cases[i].row, 0, NULL);
		char text[128];

		assert_string_equal(compare_value(row, "a", text, sizeof(text)), cases[i].a);
		assert_string_equal(compare_change(row, text, sizeof(text)), cases[i].change);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_that_of_the_rounds_ratios),
		cmocka_unit_test(one_question_is_corrected_over_all_cells),
		cmocka_unit_test(a_quota_is_compared_with_itself_alone),
		cmocka_unit_test(machines_are_told_apart),
		cmocka_unit_test(other_machines_are_refused),
		cmocka_unit_test(what_fails_now_is_a_regression),
		cmocka_unit_test(all_trials_say_whether_a_load_was_lost),
		cmocka_unit_test(what_failed_before_and_is_not_there_now_is_no_loss),
		cmocka_unit_test(another_accelerator_is_no_regression),
		cmocka_unit_test(a_campaign_that_is_nonsense_takes_the_usual_effect),
		cmocka_unit_test(figures_are_written_for_people),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
