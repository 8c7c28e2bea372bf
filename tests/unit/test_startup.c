/* SPDX-License-Identifier: MIT */
/* tare startup without starting anything: what it takes from hyperfine, and what it tells. */
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
#include "cli/startup/play.h"

#define ROUNDS 6
#define RUNS   ((size_t)2 * (ROUNDS + 1))

static void an_export_of_any_version_is_read(void **state)
{
	struct launch_times times = {0};

	(void)state;
	assert_int_equal(launch_read_export("{\"results\": [{\"times\": [0.25], \"user\": 0.5, "
					    "\"system\": 0.125, \"memory_usage_byte\": [1]}]}",
					    &times, NULL),
			 0);
	assert_true(fabs(times.wall_ns - 250e6) < 1 && fabs(times.user_us - 500e3) < 1e-3 &&
		    fabs(times.system_us - 125e3) < 1e-3);
}

static void an_export_without_times_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"results\": []}",
		"{\"results\": [{\"times\": []}]}",
		"{\"results\": [{\"times\": [0.1], \"user\": 0.1}]}",
		"{\"results\": [{\"times\": [0], \"user\": 0.1, \"system\": 0.1}]}",
		"{\"results\": [{\"times\": [0.1], \"user\": -0.1, \"system\": 0.1}]}",
		"{\"results\": [{\"times\": [\"0.1\"], \"user\": 0.1, \"system\": 0.1}]}"};
	struct launch_times times = {.wall_ns = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct tare_err err = {0};

		assert_int_equal(launch_read_export(texts[i], &times, &err), -EBADMSG);
		assert_string_not_equal(err.msg, "");
	}
	assert_true(times.wall_ns > 6 && times.wall_ns < 8);
}

static void every_word_of_the_command_is_quoted(void **state)
{
	struct env_list envs = {0};
	char *command;

	(void)state;
	assert_int_equal(args_parse_envs("g=vm,cmdline+=quiet it's", &envs, NULL), 0);
	command = launch_command("/a b/tare", &envs.items[0], "/x'y");
	assert_string_equal(command,
			    "'/a b/tare' exec -e 'g=vm+bare,cmdline+=quiet it'\\''s' --env "
			    "'PATH=/usr/sbin:/usr/bin:/sbin:/bin:/x'\\''y' -- tare-load --first");
	free(command);
	env_list_free(&envs);
}

/* Natively 10 ms, the guest 50 ms; the payload of one begins at 2 ms, of the other at 30 ms. The
 * last round is not whole. */
static json_t *make_document(const struct env_list *envs)
{
	const struct startup_plan plan = {.envs = envs,
					  .asked = {.rounds = ROUNDS, .warmup = 1, .effect = 0.01}};
	struct startup_run runs[RUNS] = {0};
	struct round rounds[ROUNDS + 1];
	struct startup_result result = {.hyperfine = "hyperfine 9",
					.rounds = {.items = rounds, .n = ROUNDS + 1, .end = "x"},
					.runs = runs,
					.n_runs = RUNS};
	struct tare_err err = {0};
	json_t *document = NULL;

	for (size_t i = 0; i < result.n_runs; i++) {
		bool guest = i % 2;
		struct startup_run *run = &runs[i];

		if (!guest)
			rounds[i / 2] = (struct round){json_object(), i / 2 < ROUNDS};
		run->round = i / 2;
		run->env = i % 2;
		run->times = (struct launch_times){guest ? 50e6 : 10e6, 100, 0};
		run->spans.at_ns[LAUNCH_PAYLOAD] = guest ? 30000000 : 2000000;
		run->spans.at_ns[LAUNCH_GONE] = 90000000;
		if (guest)
			run->spans.at_ns[LAUNCH_QEMU] = 1000000;
		(void)snprintf(run->spans.boot, sizeof(run->spans.boot), "%s",
			       guest ? "restored" : "");
		(void)snprintf(run->spans.accel, sizeof(run->spans.accel), "%s",
			       guest ? "tcg" : "");
		run->spans.instance = json_object();
	}
	if (startup_document(&plan, &result, &document, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < result.n_runs; i++)
		json_decref(runs[i].spans.instance);
	for (size_t i = 0; i <= ROUNDS; i++)
		json_decref(rounds[i].validity);
	return document;
}

static void a_start_is_labelled_and_has_the_moments_it_was_seen_at(void **state)
{
	struct env_list envs = {0};
	json_t *d;
	const json_t *native, *guest;

	(void)state;
	assert_int_equal(args_parse_envs("native,vm", &envs, NULL), 0);
	d = make_document(&envs);
	native = json_array_get(json_object_get(d, "cells"), 0);
	guest = json_array_get(json_object_get(d, "cells"), 1);
	assert_string_equal(json_string_or(native, "cache", ""), "warm");
	assert_null(json_object_get(native, "boot"));
	assert_string_equal(json_string_or(guest, "boot", ""), "restored");
	assert_string_equal(json_string_or(guest, "accel", ""), "tcg");
	assert_int_equal(json_object_size(json_object_get(native, "at_ns")), 2);
	assert_int_equal(json_object_size(json_object_get(guest, "at_ns")), 3);
	assert_int_equal(json_u64_or(json_object_get(guest, "wall_ns"), "rounds", 0), ROUNDS);
	assert_int_equal(json_array_size(json_object_get(d, "runs")), 2 * ROUNDS);
	json_decref(d);
	env_list_free(&envs);
}

static void check_ratio(const json_t *ratio, const char *metric, double expected)
{
	assert_true(fabs(json_double_or(ratio, "ratio", 0) - expected) < 1e-9);
	assert_string_equal(json_string_or(ratio, "metric", ""), metric);
	assert_string_equal(json_string_or(ratio, "verdict", ""), "slower");
}

static void ratios_are_of_the_whole_and_of_the_way_to_the_payload(void **state)
{
	struct env_list envs = {0};
	json_t *d;
	const json_t *ratios;

	(void)state;
	assert_int_equal(args_parse_envs("native,vm", &envs, NULL), 0);
	d = make_document(&envs);
	ratios = json_object_get(d, "ratios");
	assert_int_equal(json_array_size(ratios), 2);
	check_ratio(json_array_get(ratios, 0), "wall_ns", 5);
	check_ratio(json_array_get(ratios, 1), "payload_ns", 15);
	json_decref(d);
	env_list_free(&envs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_export_of_any_version_is_read),
		cmocka_unit_test(an_export_without_times_is_refused),
		cmocka_unit_test(every_word_of_the_command_is_quoted),
		cmocka_unit_test(a_start_is_labelled_and_has_the_moments_it_was_seen_at),
		cmocka_unit_test(ratios_are_of_the_whole_and_of_the_way_to_the_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
