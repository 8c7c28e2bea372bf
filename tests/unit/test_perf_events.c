/* SPDX-License-Identifier: MIT */
/* Perf events as the collector `counters` takes them: lists of them, their names, whether they
 * count, and what is made of counters that were shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "perf/selftest.h"
#include "perf/tally.h"
#include "scene.h"

static void lists_of_events_are_read(void **state)
{
	struct event_list list;
	struct tare_err err = {0};
	char key[LIST_KEY_SIZE];

	(void)state;
	assert_int_equal(
		list_parse("{cycles,instructions}+page-faults+{cycles:u,a::B.C:d=1}", &list, &err),
		0);
	assert_false(list.inherit);
	assert_int_equal(list.n, 5);
	assert_string_equal(list.events[1].name, "instructions");
	assert_int_equal(list.events[1].group, 1);
	assert_int_equal(list.events[2].group, 0);
	assert_string_equal(list.events[4].name, "a::B.C:d=1");
	assert_int_equal(list.events[4].group, 2);

	assert_int_equal(list_parse("inherit:cycles:u+{sched/sched_switch,cycles:u}", &list, &err),
			 0);
	assert_true(list.inherit);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.events[0].name, "cycles:u");
	assert_string_equal(list_key(&list, 0, key, sizeof(key)), "cycles:u");
	assert_string_equal(list_key(&list, 2, key, sizeof(key)), "cycles:u{1}");

	assert_int_equal(list_parse("inherit", &list, &err), 0);
	assert_true(list.inherit && list.n == 6);
	assert_int_equal(list_parse("cgroup:faults", &list, &err), 0);
	assert_true(!list.inherit && list.n == 1);
	assert_int_equal(list_parse(NULL, &list, &err), 0);
	assert_true(!list.inherit && list.n == 6);
	/* No mode, but an event of a PMU that is called so. */
	assert_int_equal(list_parse("inherit::x", &list, &err), 0);
	assert_true(!list.inherit);
	assert_string_equal(list.events[0].name, "inherit::x");
}

static void broken_lists_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} broken[] = {
		{"", "missing at the end"},
		{"a+", "missing at the end"},
		{"+a", "'+a': an event is missing"},
		{"a++b", "'+b': an event is missing"},
		{"a,b", "',b': a '+' is missing"},
		{"{a,b", "'{a,b': the '{' has no '}'"},
		{"{}", "'}': an event is missing"},
		{"{a,}", "'}': an event is missing"},
		{"{a+b}", "cannot be in a group"},
		{"{a,{b}}", "an event is missing"},
		{"{a}b", "'b': a '+' is missing"},
		{"a}", "'}': a '+' is missing"},
		{"inherit:", "missing at the end"},
		{"a+a", "given twice"},
		{"{a,a}", "given twice"},
		{"\x01", "0x01"},
		{"a1+a2+a3+a4+a5+a6+a7+a8+a9+b1+b2+b3+b4+b5+b6+b7+b8", "at most 16"},
	};
	char name[LIST_NAME_SIZE + 1];
	struct event_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct tare_err err = {0};

		assert_int_equal(list_parse(broken[i].text, &list, &err), -EINVAL);
		if (!strstr(err.msg, broken[i].why))
			(void)fprintf(stderr, "'%s': %s\n", broken[i].text, err.msg);
		assert_non_null(strstr(err.msg, broken[i].why));
	}
	memset(name, 'a', sizeof(name));
	name[LIST_NAME_SIZE] = '\0';
	assert_int_equal(list_parse(name, &list, NULL), -EINVAL);
	name[LIST_NAME_SIZE - 1] = '\0';
	assert_int_equal(list_parse(name, &list, NULL), 0);
}

static void names_are_encoded_or_explained(void **state)
{
	struct encoded_event event;
	struct tare_err err = {0};

	(void)state;
	scene_need(encode_event("page-faults:u", &event, &err), &err);
	assert_true(event.exclude_kernel && !event.exclude_user);
	assert_int_equal(event.type, PERF_TYPE_SOFTWARE);
	assert_int_equal(event.config, PERF_COUNT_SW_PAGE_FAULTS);
	assert_int_equal(encode_event("cycles:period=1000", &event, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "sampling"));
	err = (struct tare_err){0};
	assert_int_equal(encode_event("page-fault", &event, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean 'page-faults'?"));
	assert_int_equal(encode_event("sched/../../sched_switch", &event, NULL), -ENOENT);
	assert_int_equal(encode_event("sched/", &event, NULL), -ENOENT);
	assert_int_equal(encode_event("sched/no_such_thing", &event, NULL), -ENOENT);
}

static void tracepoints_have_two_spellings(void **state)
{
	struct encoded_event a, b;
	struct tare_err err = {0};
	int r = encode_event("sched/sched_switch", &a, &err);

	(void)state;
	if (r == -ENOTSUP) {
		(void)fprintf(stderr, "skipped: %s\n", err.msg);
		skip();
	}
	scene_need(r, &err);
	scene_need(encode_event("sched:sched_switch", &b, &err), &err);
	assert_int_equal(a.type, PERF_TYPE_TRACEPOINT);
	assert_int_equal(b.type, PERF_TYPE_TRACEPOINT);
	assert_true(a.config != 0 && a.config == b.config);
}

static void work_nothing(void)
{
}

static void the_selftest_tells_what_counts_from_what_does_not(void **state)
{
	static const char *const names[] = {"task-clock",       "cpu-clock",    "page-faults",
					    "context-switches", "minor-faults", "page-faults:u",
					    "page-faults:k"};
	struct encoded_event event;
	struct tare_err err = {0};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		scene_need(encode_event(names[i], &event, &err), &err);
		assert_string_equal(selftest_event(&event, selftest_work, why, sizeof(why)), "");
	}
	/* A counter that stands still looks as if nothing had been done. */
	scene_need(encode_event("context-switches:k", &event, &err), &err);
	assert_non_null(strstr(selftest_event(&event, work_nothing, why, sizeof(why)), "slept"));
	scene_need(encode_event("page-faults", &event, &err), &err);
	assert_non_null(
		strstr(selftest_event(&event, work_nothing, why, sizeof(why)), "new pages"));
	/* Of these nothing is known that moves them. */
	scene_need(encode_event("major-faults", &event, &err), &err);
	assert_string_equal(selftest_event(&event, work_nothing, why, sizeof(why)), "");
}

static void what_counts_while_tasks_run_cannot_be_0(void **state)
{
	struct encoded_event event;
	struct tare_err err = {0};

	(void)state;
	scene_need(encode_event("cpu-clock", &event, &err), &err);
	assert_true(selftest_must_count(&event, 1000000));
	assert_false(selftest_must_count(&event, 0));
	scene_need(encode_event("instructions", &event, &err), &err);
	assert_true(selftest_must_count(&event, 1000000));
	scene_need(encode_event("page-faults", &event, &err), &err);
	assert_false(selftest_must_count(&event, 1000000));
}

static void shared_counters_are_scaled(void **state)
{
	struct tally *tally = calloc(1, sizeof(*tally));
	struct tally_event *event = &tally->events[0];
	struct tally_sum sum;

	(void)state;
	tally->list.n = 1;
	tally->n_places = 2;
	event->readings[0][0] = (struct tally_reading){100, 1000, 1000};
	event->readings[1][0] = (struct tally_reading){150, 2000, 1250};
	sum = tally_difference(tally, 0);
	assert_int_equal(sum.sum.value, 50);
	assert_int_equal(sum.sum.enabled_ns, 1000);
	assert_int_equal(sum.sum.running_ns, 250);
	assert_true(sum.scaled == 200);
	/* Another CPU, all the time. */
	event->readings[1][1] = (struct tally_reading){30, 500, 500};
	assert_true(tally_difference(tally, 0).scaled == 230);
	/* It never had a counter there: as on the first. */
	event->readings[1][1] = (struct tally_reading){0, 500, 0};
	assert_true(tally_difference(tally, 0).scaled == 300);
	free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_events_are_read),
		cmocka_unit_test(broken_lists_are_refused),
		cmocka_unit_test(names_are_encoded_or_explained),
		cmocka_unit_test(tracepoints_have_two_spellings),
		cmocka_unit_test(the_selftest_tells_what_counts_from_what_does_not),
		cmocka_unit_test(what_counts_while_tasks_run_cannot_be_0),
		cmocka_unit_test(shared_counters_are_scaled),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
