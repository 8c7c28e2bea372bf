/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "isolation/answer.h"
#include "isolation/capture.h"
#include "isolation/protection.h"

#define GOOD                                                                                       \
	"{\"name\":\"kill\",\"kind\":\"attack\",\"outcome\":\"contained\",\"evidence\":\"no\","    \
	"\"items\":[]}\n"

static int parse(const char *text, json_t **ret)
{
	struct tare_err err = {0};
	int r = answer_parse(text, strlen(text), ret, &err);

	if (r < 0)
		assert_true(err.msg[0] != '\0');
	return r;
}

static void an_answer_is_taken_by_name(void **state)
{
	cleanup_json json_t *all = NULL;

	(void)state;
	assert_int_equal(parse(GOOD, &all), 0);
	assert_string_equal(json_string_or(json_object_get(all, "kill"), "outcome", ""),
			    "contained");
}

static void the_first_answer_of_a_name_counts(void **state)
{
	cleanup_json json_t *all = NULL;

	(void)state;
	assert_int_equal(parse(GOOD "{\"name\":\"kill\",\"kind\":\"attack\",\"outcome\":"
				    "\"succeeded\",\"evidence\":\"\",\"items\":[]}\n",
			       &all),
			 0);
	assert_string_equal(json_string_or(json_object_get(all, "kill"), "outcome", ""),
			    "contained");
}

static void what_is_no_answer_is_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = {
		"x",
		"[]\n",
		"{}\n",
		"{\"name\":\"../x\",\"kind\":\"name\",\"outcome\":\"seen\",\"evidence\":\"\","
		"\"items\":[]}",
		"{\"name\":\"a\",\"kind\":\"name\",\"outcome\":\"contained\",\"evidence\":\"\","
		"\"items\":[]}",
		"{\"name\":\"a\",\"kind\":\"attack\",\"outcome\":\"seen\",\"evidence\":\"\","
		"\"items\":[]}",
		"{\"name\":\"a\",\"kind\":\"name\",\"outcome\":\"seen\",\"evidence\":1,"
		"\"items\":[]}",
		"{\"name\":\"a\",\"kind\":\"name\",\"outcome\":\"seen\",\"evidence\":\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *all = NULL;

		assert_int_equal(parse(bad[i], &all), -EBADMSG);
		assert_null(all);
	}
}

static void an_answer_is_bounded_in_size_and_depth(void **state)
{
	size_t size = ANSWER_MAX + 1;
	char *text = malloc(size);
	json_t *all = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '[', size);
	assert_int_equal(answer_parse(text, size, &all, NULL), -EFBIG);
	assert_int_equal(answer_parse(text, 60000, &all, NULL), -EFBIG);
	assert_int_equal(answer_parse(text, 10000, &all, NULL), -EBADMSG);
	free(text);
}

static void evidence_cannot_write_to_the_terminal(void **state)
{
	cleanup_json json_t *all = NULL;

	(void)state;
	assert_int_equal(parse("{\"name\":\"a\",\"kind\":\"name\",\"outcome\":\"seen\","
			       "\"evidence\":\"\\u001b[2J\\u00e4\",\"items\":[\"\\n\",1]}",
			       &all),
			 0);
	assert_string_equal(json_string_or(json_object_get(all, "a"), "evidence", ""), "?[2J??");
	assert_int_equal(json_array_size(json_object_get(json_object_get(all, "a"), "items")), 1);
}

static void names_are_compared_by_what_both_see(void **state)
{
	cleanup_json json_t *ab = json_pack("{s[ss]}", "items", "a", "b");
	cleanup_json json_t *abc = json_pack("{s[sss]}", "items", "c", "b", "a");
	cleanup_json json_t *a = json_pack("{s[s]}", "items", "a");
	cleanup_json json_t *none = json_pack("{s[]}", "items");

	(void)state;
	assert_string_equal(answer_compare(abc, ab), "shared");
	assert_string_equal(answer_compare(a, ab), "partly");
	assert_string_equal(answer_compare(none, ab), "private");
	assert_null(answer_compare(ab, none));
}

static void an_option_takes_back_the_claims_it_breaks(void **state)
{
	cleanup_json json_t *pid = json_pack("{ss}", "pid", "host");
	cleanup_json json_t *none = json_object();

	(void)state;
	assert_true(protection_is_off(protection_of("processes"), pid));
	assert_false(protection_is_off(protection_of("users"), pid));
	assert_false(protection_is_off(protection_of("processes"), none));
	assert_true(protection_is_whole(none));
	assert_false(protection_is_whole(pid));
}

static void what_changes_a_machine_is_shown_in_guests_only(void **state)
{
	static const char *const dangerous[] = {
		"release-agent", "core-pattern", "sysrq", "proc-sys", "sysfs",   "mknod",
		"dev-mem",       "init-module",  "kexec", "reboot",   "set-time"};

	(void)state;
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		assert_int_equal(protection_of(dangerous[i])->where, SHOWN_IN_GUEST);
}

static void output_is_bounded_and_tells_who_wrote_it(void **state)
{
	static const char much[5000] = "x";
	struct capture c;
	int theirs;

	(void)state;
	assert_int_equal(capture_start(&c, 4096, clock_now_ns() + 5 * NS_PER_S, &theirs, NULL), 0);
	assert_int_equal(fd_write_all(theirs, much, sizeof(much), NULL), 0);
	(void)close(theirs);
	capture_stop(&c);
	assert_true(c.too_long);
	assert_int_equal(c.n, 4096);
	assert_int_equal(c.uid, getuid());
	capture_clear(&c);
}

static void output_that_does_not_end_is_given_up(void **state)
{
	struct capture c;
	int theirs;

	(void)state;
	assert_int_equal(capture_start(&c, 4096, clock_now_ns() + 50 * NS_PER_MS, &theirs, NULL),
			 0);
	capture_stop(&c);
	assert_int_equal(c.n, 0);
	(void)close(theirs);
	capture_clear(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_taken_by_name),
		cmocka_unit_test(the_first_answer_of_a_name_counts),
		cmocka_unit_test(what_is_no_answer_is_refused_with_a_sentence),
		cmocka_unit_test(an_answer_is_bounded_in_size_and_depth),
		cmocka_unit_test(evidence_cannot_write_to_the_terminal),
		cmocka_unit_test(names_are_compared_by_what_both_see),
		cmocka_unit_test(an_option_takes_back_the_claims_it_breaks),
		cmocka_unit_test(what_changes_a_machine_is_shown_in_guests_only),
		cmocka_unit_test(output_is_bounded_and_tells_who_wrote_it),
		cmocka_unit_test(output_that_does_not_end_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
