/* SPDX-License-Identifier: MIT */
/* The verdict on an account, which a guest may have written; and a box's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "box/command/words.h"
#include "check/check.h"
#include "check/run/account.h"
#include "check/run/run.h"
#include "check/run/share.h"
#include "check/run/stream.h"
#include "folder.h"

static const struct check_ops within = {
	.name = "within",
	.summary = "a made check",
	.claim = "the figure lies within 1.8 and 2.2",
	.limits = "cpus",
	.unit = "x",
	.low = 1.8,
	.high = 2.2,
	.tolerance = "1.8 to 2.2",
};

static json_t *figure(double low, double high, const char *disturbed)
{
	return json_pack("{s:o, s:o, s:o, s:i, s:s}", "value", json_number((low + high) / 2), "low",
			 json_number(low), "high", json_number(high), "n", 9, "disturbed",
			 disturbed);
}

static void assert_verdict(json_t *limited, json_t *control, const char *verdict, const char *why)
{
	cleanup_json json_t *account =
		json_pack("{s:o, s:o}", "limited", limited, "control", control);
	cleanup_json json_t *result = check_judge(&within, account, NULL);

	assert_string_equal(json_string_or(result, "verdict", ""), verdict);
	assert_non_null(strstr(json_string_or(result, "why", ""), why));
	assert_string_equal(json_string_or(result, "check", ""), "within");
}

static void it_passes_only_when_the_control_differs(void **state)
{
	(void)state;
	assert_verdict(figure(1.9, 2.1, ""), figure(0.9, 1.1, ""), "pass", "");
	assert_verdict(figure(1.9, 2.1, ""), figure(1.9, 2.1, ""), "inconclusive", "without");
	assert_verdict(figure(1.9, 2.1, ""), figure(1.7, 1.9, ""), "inconclusive", "control");
	assert_verdict(figure(1.9, 2.1, ""), figure(0.9, 1.1, "stolen"), "inconclusive", "stolen");
	assert_verdict(figure(1.9, 2.1, "stolen"), figure(0.9, 1.1, ""), "pass", "");
}

static void a_miss_is_a_fail_unless_something_else_explains_it(void **state)
{
	(void)state;
	assert_verdict(figure(0.9, 1.1, ""), figure(0.9, 1.1, ""), "fail", "does not hold");
	assert_verdict(figure(2.5, 3, ""), figure(0.9, 1.1, ""), "fail", "does not hold");
	assert_verdict(figure(0.9, 1.1, "stolen"), figure(0.9, 1.1, ""), "inconclusive", "stolen");
}

static void an_interval_across_the_edge_shows_nothing(void **state)
{
	(void)state;
	assert_verdict(figure(1.7, 1.9, ""), figure(0.9, 1.1, ""), "inconclusive", "edge");
	assert_verdict(figure(1, 9, ""), figure(0.9, 1.1, ""), "inconclusive", "edge");
}

static void bounds_belong_to_the_tolerance(void **state)
{
	(void)state;
	assert_verdict(figure(1.8, 2.2, ""), figure(0.9, 1.1, ""), "pass", "");
}

static void what_is_no_number_never_passes(void **state)
{
	(void)state;
	assert_verdict(figure(NAN, NAN, ""), figure(0.9, 1.1, ""), "inconclusive", "edge");
	assert_verdict(json_pack("{s:s}", "value", "2"), figure(0.9, 1.1, ""), "inconclusive", "");
	assert_verdict(figure(1.9, 2.1, ""), json_object(), "inconclusive", "control");
	assert_verdict(json_string("2"), figure(0.9, 1.1, ""), "error", "no sense");
}

static void what_could_not_be_tried_says_why(void **state)
{
	cleanup_json json_t *account = json_pack("{s:s}", "unsupported", "no such file");
	cleanup_json json_t *unsupported = check_judge(&within, account, NULL);
	cleanup_json json_t *failed = check_judge(&within, NULL, "the guest died");

	(void)state;
	assert_string_equal(json_string_or(unsupported, "verdict", ""), "unsupported");
	assert_string_equal(json_string_or(unsupported, "why", ""), "no such file");
	assert_string_equal(json_string_or(failed, "verdict", ""), "error");
	assert_string_equal(json_string_or(failed, "why", ""), "the guest died");
}

static void a_request_survives_the_wire_and_its_scale_is_bounded(void **state)
{
	cleanup_json json_t *options = json_pack("{s:s}", "seccomp", "off");
	const struct check_request request = {"pids", "container", options,
					      0.25,   true,        CHECK_CONTROL};
	cleanup_json json_t *wire = check_request_to_json(&request);
	struct tare_err err = {0};
	struct check_request back;

	(void)state;
	assert_int_equal(check_request_from_json(wire, &back, NULL), 0);
	assert_string_equal(back.check, "pids");
	assert_string_equal(back.box, "container");
	assert_true(json_equal(back.options, options) && back.scale == 0.25);
	assert_true(back.on_device && back.half == CHECK_CONTROL);
	(void)json_object_set_new(wire, "half", json_string("third"));
	assert_int_equal(check_request_from_json(wire, &back, NULL), -EBADMSG);
	(void)json_object_set_new(wire, "half", json_string("both"));
	(void)json_object_set_new(wire, "scale", json_real(7));
	assert_int_equal(check_request_from_json(wire, &back, &err), -EBADMSG);
}

static void a_misspelt_check_is_told_its_name(void **state)
{
	const struct check_ops *ops;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(check_find("cpu-quoat", &ops, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean 'cpu-quota'"));
}

static void others_disk_traffic_is_no_fault_of_a_limit(void **state)
{
	const struct check_machine before = {.at_ns = 0};
	struct check_machine after = {.at_ns = 2000000000, .disk_bytes = 12e6};
	struct check_figure figure = {0};

	(void)state;
	/* All of it its own; then twice as much as its own; then CPUs, which are said first. */
	check_disturbed_io(&before, &after, 0, 12e6, &figure);
	assert_string_equal(figure.disturbed, "");
	check_disturbed_io(&before, &after, 0, 6e6, &figure);
	assert_non_null(strstr(figure.disturbed, "2.9 MiB a second"));
	after.busy_s = 1;
	check_disturbed_io(&before, &after, 0, 6e6, &figure);
	assert_non_null(strstr(figure.disturbed, "0.50 CPUs"));
}

/* Kept of two of 0.9 to 1.1, in whatever order they come. */
static void assert_worst(struct check_figure a, struct check_figure b, double value,
			 const char *disturbed)
{
	for (int i = 0; i < 2; i++) {
		struct check_figure kept = {0};

		check_keep_worst(0.9, 1.1, i ? &b : &a, &kept);
		check_keep_worst(0.9, 1.1, i ? &a : &b, &kept);
		assert_true(kept.value == value);
		assert_string_equal(kept.disturbed, disturbed);
		assert_int_equal(kept.n, 2);
	}
}

static void an_excuse_covers_no_other_way_s_miss(void **state)
{
	const struct check_figure good = {.value = 1, .n = 1}, more = {.value = 1.2, .n = 1};
	const struct check_figure less = {.value = 0.8, .n = 1}, none = {.value = 0, .n = 1};
	const struct check_figure excused = {.value = 0.5, .n = 1, .disturbed = "stolen"};

	(void)state;
	assert_worst(good, excused, 0.5, "stolen");
	assert_worst(more, excused, 1.2, "");
	assert_worst(less, excused, 0.8, "");
	assert_worst(less, more, 1.2, "");
	assert_worst(less, none, 0, "");
}

static void a_disk_is_matched_whole_in_the_list_of_costs(void **state)
{
	static const char text[] = "7:10 enable=1 ctrl=user\n17:1 enable=1 ctrl=user\n"
				   "7:1 enable=0 ctrl=auto\n7:2 enable=1 ctrl=user\n";
	int dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	(void)state;
	assert_true(dirfd >= 0);
	assert_false(check_share_has_cost(dirfd, "7:2"));
	fd = openat(dirfd, "io.cost.qos", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
	(void)close(fd);
	assert_false(check_share_has_cost(dirfd, "7:1"));
	assert_true(check_share_has_cost(dirfd, "7:10"));
	assert_true(check_share_has_cost(dirfd, "7:2"));
	assert_false(check_share_has_cost(dirfd, "7:3"));
	(void)close(dirfd);
}

static void words_are_cut_and_filled_in(void **state)
{
	cleanup_json json_t *limits = json_pack("{s:f, s:i}", "cpus", 0.5, "memory", 67108864);
	struct tare_err err = {0};
	struct words words;

	(void)state;
	assert_int_equal(words_make("run --cpus={cpus} -m{memory} --pids={pids-limit} 'a b' {name}",
				    "tare-x", limits, &words, &err),
			 0);
	assert_int_equal(words.n, 5);
	assert_string_equal(words.items[1], "--cpus=0.5");
	assert_string_equal(words.items[2], "-m67108864");
	assert_string_equal(words.items[3], "a b");
	assert_string_equal(words.items[4], "tare-x");
	assert_null(words.items[5]);
	words_clear(&words);
	assert_int_equal(words_make("sh 'open", "x", limits, &words, &err), -EINVAL);
	assert_int_equal(words_make("{pids-limit}", "x", limits, &words, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_passes_only_when_the_control_differs),
		cmocka_unit_test(a_miss_is_a_fail_unless_something_else_explains_it),
		cmocka_unit_test(an_interval_across_the_edge_shows_nothing),
		cmocka_unit_test(bounds_belong_to_the_tolerance),
		cmocka_unit_test(what_is_no_number_never_passes),
		cmocka_unit_test(what_could_not_be_tried_says_why),
		cmocka_unit_test(a_request_survives_the_wire_and_its_scale_is_bounded),
		cmocka_unit_test(a_misspelt_check_is_told_its_name),
		cmocka_unit_test(others_disk_traffic_is_no_fault_of_a_limit),
		cmocka_unit_test(an_excuse_covers_no_other_way_s_miss),
		cmocka_unit_test(a_disk_is_matched_whole_in_the_list_of_costs),
		cmocka_unit_test(words_are_cut_and_filled_in),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
