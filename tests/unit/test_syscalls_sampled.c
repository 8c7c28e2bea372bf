/* SPDX-License-Identifier: MIT */
/* The collector `syscalls` where it times some calls only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "syscalls_scene.h"

/* Each is counted; of those that are timed there are so many as draws of one in sixteen give, but
 * for once in a hundred million runs: 5.7 standard deviations. */
static void a_sample_counts_all_and_times_some(void **state)
{
	const double n = 4.0 * CALLS, mean = n / 16, deviation = 68.5; /* sqrt(n * 1/16 * 15/16) */
	json_t *seen;

	(void)state;
	n_threads = 4;
	seen = scene_watch("syscalls=sampled", 0, NULL, part_threads, NULL);
	assert_string_equal(json_string_value(json_object_get(seen, "precision")), "sampled");
	assert_int_equal(json_integer_value(json_object_get(seen, "sample_every")), 16);
	assert_int_equal(count_of(seen, "getppid"), 4 * CALLS);
	assert_int_equal(json_u64_or(call_of(seen, "getppid"), "timed", 0),
			 returns_of(seen, "getppid"));
	assert_true(fabs((double)returns_of(seen, "getppid") - mean) < 5.7 * deviation);
	assert_int_equal(count_of(seen, "exit"), 4);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void part_fail(void)
{
	for (int i = 0; i < CALLS; i++)
		(void)close(-1);
}

static void a_sample_counts_each_error(void **state)
{
	json_t *seen;

	(void)state;
	seen = scene_watch("syscalls=sampled", 0, NULL, part_fail, NULL);
	assert_int_equal(json_u64_or(call_of(seen, "close"), "errors", 0), CALLS);
	assert_int_equal(errors_of(seen, "close", "EBADF"), CALLS);
	assert_true(returns_of(seen, "close") < CALLS / 8);
	json_decref(seen);
}

static void an_unknown_precision_is_refused(void **state)
{
	struct collector_target target = {.argument = "often"};
	const struct collector_ops *ops = NULL;
	struct collector *collector = NULL;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(collector_find("syscalls", &ops, NULL, NULL), 0);
	assert_int_equal(ops->attach(&target, &collector, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'exact' or 'sampled'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_sample_counts_all_and_times_some, scene_teardown),
		cmocka_unit_test_teardown(a_sample_counts_each_error, scene_teardown),
		cmocka_unit_test(an_unknown_precision_is_refused),
	};

	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
