/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "limit/limit.h"

static const struct ulimit *only(const struct limits *limits)
{
	assert_int_equal(limits->ulimits.n, 1);
	return &limits->ulimits.items[0];
}

static void one_number_is_both_limits(void **state)
{
	struct limits limits = {0};

	(void)state;
	assert_int_equal(limits_set(&limits, "ulimit", "nofile=1024", NULL), 0);
	assert_int_equal(only(&limits)->kind->resource, RLIMIT_NOFILE);
	assert_int_equal(only(&limits)->soft, 1024);
	assert_int_equal(only(&limits)->hard, 1024);
	assert_false(limits_any(&limits));
	assert_true(limits_given(&limits));
}

static void two_numbers_are_the_soft_and_the_hard_one(void **state)
{
	struct limits limits = {0};

	(void)state;
	assert_int_equal(limits_set(&limits, "ulimit", "core=0:-1", NULL), 0);
	assert_int_equal(only(&limits)->soft, 0);
	assert_true(only(&limits)->hard == ULIMIT_NONE);
}

static void the_last_of_a_name_counts(void **state)
{
	struct limits limits = {0};

	(void)state;
	assert_int_equal(limits_set(&limits, "ulimit", "cpu=1", NULL), 0);
	assert_int_equal(limits_set(&limits, "ulimit", "cpu=unlimited", NULL), 0);
	assert_true(only(&limits)->soft == ULIMIT_NONE);
}

static void bytes_may_have_a_unit(void **state)
{
	struct limits limits = {0};

	(void)state;
	assert_int_equal(limits_set(&limits, "ulimit", "stack=64M:8388608000", NULL), 0);
	assert_int_equal(only(&limits)->soft, 64 << 20);
	assert_int_equal(only(&limits)->hard, 8388608000);
}

static void every_name_of_dockers_is_known(void **state)
{
	/* github.com/docker/go-units, ulimit.go */
	static const char *const names[] = {"core",    "cpu",      "data",   "fsize",      "locks",
					    "memlock", "msgqueue", "nice",   "nofile",     "nproc",
					    "rss",     "rtprio",   "rttime", "sigpending", "stack"};
	struct limits limits = {0};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s=0:1", names[i]);
		assert_int_equal(limits_set(&limits, "ulimit", text, NULL), 0);
	}
	assert_int_equal(limits.ulimits.n, sizeof(names) / sizeof(names[0]));
	assert_null(ulimit_kinds[limits.ulimits.n].name);
}

static void what_is_none_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "is no NAME=SOFT[:HARD]"},
		{"nofile", "is no NAME=SOFT[:HARD]"},
		{"=5", "is no NAME=SOFT[:HARD]"},
		{"nofile=", "is no NAME=SOFT[:HARD]"},
		{"nofiles=5", "did you mean 'nofile'?"},
		{"as=5", "there is no 'as'"},
		{"nofile=5:4", "above the hard one"},
		{"nofile=-1:4", "above the hard one"},
		{"nofile=-2", "no whole number"},
		{"nofile=5:", "no whole number"},
		{"nofile=5:6:7", "no whole number"},
		{"nofile=64K", "no whole number"},
		{"nofile=99999999999999999999", "no whole number"},
		{"stack=5x", "unknown unit"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct limits limits = {0};
		struct tare_err err = {0};

		assert_int_equal(limits_set(&limits, "ulimit", bad[i].text, &err), -EINVAL);
		if (!strstr(err.msg, bad[i].why) || !strstr(err.msg, "--ulimit"))
			fail_msg("%s: '%s' has no '%s'", bad[i].text, err.msg, bad[i].why);
		assert_int_equal(limits.ulimits.n, 0);
	}
}

static void json_goes_there_and_back(void **state)
{
	struct limits limits = {0}, again;
	cleanup_json json_t *json = NULL, *second = NULL;

	(void)state;
	assert_int_equal(limits_set(&limits, "ulimit", "nofile=5:6", NULL), 0);
	assert_int_equal(limits_set(&limits, "ulimit", "core=0:-1", NULL), 0);
	json = limits_to_json(&limits);
	assert_int_equal(limits_from_json(json, &again, NULL), 0);
	second = limits_to_json(&again);
	assert_true(json_equal(json, second));
	assert_int_equal(again.ulimits.n, 2);
}

static void hostile_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"{\"ulimit\": 1}",
		"{\"ulimit\": {\"nofile\": 1}}",
		"{\"ulimit\": {\"nofile\": {\"soft\": 1}}}",
		"{\"ulimit\": {\"nofile\": {\"soft\": 2, \"hard\": 1}}}",
		"{\"ulimit\": {\"nofile\": {\"soft\": -2, \"hard\": 1}}}",
		"{\"ulimit\": {\"nofile\": {\"soft\": \"1\", \"hard\": 1}}}",
		"{\"ulimit\": {\"none\": {\"soft\": 1, \"hard\": 1}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleanup_json json_t *json = json_loads(texts[i], 0, NULL);
		struct limits limits;
		struct tare_err err = {0};

		assert_non_null(json);
		if (limits_from_json(json, &limits, &err) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		assert_true(err.msg[0]);
	}
}

/* In a child, whose limits are its own. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int set_and_read(void)
{
	cleanup_json json_t *read = json_object();
	struct limits limits = {0};

	if (limits_set(&limits, "ulimit", "nofile=30:40", NULL) < 0 ||
	    ulimits_lift(&limits.ulimits, getpid(), NULL) < 0 ||
	    ulimits_set(&limits.ulimits, NULL) < 0 ||
	    limits_read_ulimits(&limits, getpid(), read, NULL) < 0)
		return 1;
	if (json_u64_or(json_object_get(json_object_get(read, "ulimit"), "nofile"), "hard", 0) !=
	    40)
		return 2;
	/* Another than what was asked is told from it. */
	limits.ulimits.items[0].soft = 31;
	return limits_read_ulimits(&limits, getpid(), read, NULL) == -ERANGE ? 0 : 3;
}

static void what_is_set_is_read_back_from_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(in_child(set_and_read), 0);
}

static int lift_without_the_right(void)
{
	const struct rlimit low = {10, 10};
	cap_t caps = cap_get_proc();
	const cap_value_t right = CAP_SYS_RESOURCE;
	struct limits limits = {0};
	struct tare_err err = {0};

	if (!caps || cap_set_flag(caps, CAP_EFFECTIVE, 1, &right, CAP_CLEAR) < 0 ||
	    cap_set_proc(caps) < 0 || cap_free(caps) < 0 || setrlimit(RLIMIT_NPROC, &low) < 0 ||
	    limits_set(&limits, "ulimit", "nproc=11", NULL) < 0)
		return 1;
	if (ulimits_lift(&limits.ulimits, getpid(), &err) != -EPERM)
		return 2;
	return strstr(err.msg, "nproc: the hard limit is 10 here") ? 0 : 3;
}

static void lifting_a_hard_limit_needs_a_right_and_says_so(void **state)
{
	(void)state;
	assert_int_equal(in_child(lift_without_the_right), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_number_is_both_limits),
		cmocka_unit_test(two_numbers_are_the_soft_and_the_hard_one),
		cmocka_unit_test(the_last_of_a_name_counts),
		cmocka_unit_test(bytes_may_have_a_unit),
		cmocka_unit_test(every_name_of_dockers_is_known),
		cmocka_unit_test(what_is_none_is_refused_with_a_sentence),
		cmocka_unit_test(json_goes_there_and_back),
		cmocka_unit_test(hostile_json_is_refused),
		cmocka_unit_test(what_is_set_is_read_back_from_the_kernel),
		cmocka_unit_test(lifting_a_hard_limit_needs_a_right_and_says_so),
	};

	return cmocka_run_group_tests_name("ulimit", tests, NULL, NULL);
}
