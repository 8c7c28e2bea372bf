/* SPDX-License-Identifier: MIT */
/* What is taken of a guest's words, and when its silence or its clock is held against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/channel.h"
#include "machine/vm/guest_clock.h"
#include "machine/vm/guest_record.h"
#include "machine/vm/pulse.h"

static void a_guest_writes_no_key_of_the_host(void **state)
{
	cleanup_json json_t *told = json_loads(
		"{\"status\": \"ok\", \"load\": {\"ops\": 1}, \"span\": {}, \"host_collectors\": "
		"{\"cpu\": {\"usage_us\": 1}}, \"validity\": {\"void\": \"x\"}, \"spans\": "
		"{\"payload\": 1},"
		"\"superseded\": true, \"instance\": {\"id\": \"x\"}, \"host_span\": {}, \"seq\": "
		"1}",
		0, NULL);
	cleanup_json json_t *record = NULL;

	(void)state;
	assert_int_equal(guest_record_take(told, &record, NULL), 0);
	assert_int_equal(json_object_size(record), 3);
	assert_int_equal(json_u64_or(json_object_get(record, "load"), "ops", 0), 1);
}

static void a_record_without_a_status_is_none(void **state)
{
	cleanup_json json_t *told = json_loads("{\"status\": 1}", 0, NULL);
	json_t *record = NULL;

	(void)state;
	assert_int_equal(guest_record_take(told, &record, NULL), -EBADMSG);
	assert_null(record);
}

static void its_words_do_not_steer_a_terminal(void **state)
{
	cleanup_json json_t *told = json_loads("{\"status\": \"failed\\n\", \"why\": "
					       "\"a\\u001b]52;c;eA==\\u0007\\u009bb\", \"sha256\": "
					       "\"\\u007f\"}",
					       0, NULL);
	cleanup_json json_t *record = NULL;

	(void)state;
	assert_non_null(told);
	assert_int_equal(guest_record_take(told, &record, NULL), 0);
	assert_string_equal(json_string_or(record, "status", ""), "failed?");
	assert_string_equal(json_string_or(record, "why", ""), "a?]52;c;eA==???b");
	assert_string_equal(json_string_or(record, "sha256", ""), "?");
}

static void moments_that_cannot_be_are_left_out(void **state)
{
	static const struct {
		const char *told;
		bool payload, payload_exit;
	} cases[] = {
		{"{\"asked_ns\": 1000, \"span\": {\"exec\": 50, \"exit\": 90}}", true, true},
		{"{\"asked_ns\": 1000, \"span\": {\"exec\": 50, \"exit\": 1000000000000000}}", true,
		 false},
		{"{\"asked_ns\": 1, \"span\": {\"exec\": 1, \"exit\": 990}}", false, false},
		{"{\"asked_ns\": 1000, \"span\": {\"exec\": -1, \"exit\": \"x\"}}", true, false},
		{"{\"asked_ns\": 18446744073709551615, \"span\": 7}", false, false},
		{"{\"span\": {\"exec\": 50, \"exit\": 90}}", false, false},
	};
	uint64_t now = clock_now_ns();
	const struct channel_clock clock = {
		.host_ns = now - NS_PER_S, .guest_ns = 1000, .rtt_ns = 40};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_json json_t *told = json_loads(cases[i].told, 0, NULL);
		cleanup_json json_t *spans = guest_record_spans(told, &clock, &clock,
								now - 2 * NS_PER_S, now - NS_PER_S);

		assert_int_equal(json_object_get(spans, "payload") != NULL, cases[i].payload);
		assert_int_equal(json_object_get(spans, "payload_exit") != NULL,
				 cases[i].payload_exit);
		assert_int_equal(json_u64_or(spans, "uncertain_ns", 0), 20);
		if (i == 0)
			assert_int_equal(json_u64_or(spans, "payload", 0), NS_PER_S + 50);
	}
}

/* A trial of `host_ns`, after which the guest's clock is off by stray_ns. */
static bool is_void(uint64_t host_ns, int64_t stray_ns, uint64_t rtt_ns, const char *from,
		    const char *to)
{
	struct channel_clock begin = {
		.host_ns = 7 * NS_PER_S, .guest_ns = NS_PER_S, .rtt_ns = rtt_ns};
	struct channel_clock end = {.host_ns = begin.host_ns + host_ns,
				    .guest_ns = begin.guest_ns + host_ns + (uint64_t)stray_ns,
				    .rtt_ns = rtt_ns};
	cleanup_json json_t *judged = NULL;

	(void)snprintf(begin.clocksource, sizeof(begin.clocksource), "%s", from);
	(void)snprintf(end.clocksource, sizeof(end.clocksource), "%s", to);
	judged = guest_clock_judge(&begin, &end);
	assert_true(json_is_number(json_object_get(json_object_get(judged, "clock"), "drift_ppm")));
	return json_is_string(json_object_get(judged, "void"));
}

static void drift_beyond_what_the_pings_leave_open_voids(void **state)
{
	(void)state;
	/* 100 ppm of 10 s is 1 ms; two pings of 400 us leave 400 us open. */
	assert_false(is_void(10 * NS_PER_S, 1399000, 400000, "tsc", "tsc"));
	assert_true(is_void(10 * NS_PER_S, 1401000, 400000, "tsc", "tsc"));
	assert_false(is_void(10 * NS_PER_S, -1399000, 400000, "tsc", "tsc"));
	assert_true(is_void(10 * NS_PER_S, -1401000, 400000, "tsc", "tsc"));
	/* A short trial is judged too, by what can be known of it. */
	assert_false(is_void(NS_PER_MS, 300000, 300000, "tsc", "tsc"));
	assert_true(is_void(NS_PER_MS, 301000, 300000, "tsc", "tsc"));
	assert_true(is_void(10 * NS_PER_S, 0, 400000, "tsc", "refined-jiffies"));
	assert_false(is_void(10 * NS_PER_S, 0, 400000, "tsc-early", "tsc"));
	assert_true(is_void(10 * NS_PER_S, 1401000, 400000, "tsc-early", "tsc"));
	assert_true(is_void(10 * NS_PER_S, 0, 400000, "tsc", "tsc-early"));
}

/* Look at every interval until it is given up; how often it was looked. */
static int looks_until_lost(struct pulse *pulse, int guest_fd, int answered)
{
	struct tare_err err = {0};

	for (int i = 0; i < 100; i++) {
		char question;

		while (clock_now_ns() < pulse->next_ns)
			(void)usleep(200);
		if (pulse_look(pulse, &err) < 0) {
			assert_int_equal(err.code, ETIMEDOUT);
			assert_non_null(strstr(err.msg, "hangs"));
			return i;
		}
		while (recv(guest_fd, &question, 1, MSG_DONTWAIT) == 1)
			if (answered-- > 0)
				assert_int_equal(send(guest_fd, &question, 1, 0), 1);
	}
	return 100;
}

static void silence_is_a_hang_only_several_times_in_a_row(void **state)
{
	struct pulse pulse;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pulse_init(&pulse, fds[0], NS_PER_MS);
	assert_int_equal(looks_until_lost(&pulse, fds[1], 0), PULSE_MISSED_MAX);
	pulse_rest(&pulse);
	assert_int_equal(looks_until_lost(&pulse, fds[1], 7), 7 + PULSE_MISSED_MAX);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_guest_without_a_pulse_is_never_asked(void **state)
{
	struct pulse pulse;

	(void)state;
	pulse_init(&pulse, -1, 0);
	assert_true(pulse.next_ns == UINT64_MAX);
	for (int i = 0; i < 2 * PULSE_MISSED_MAX; i++)
		assert_int_equal(pulse_look(&pulse, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_writes_no_key_of_the_host),
		cmocka_unit_test(a_record_without_a_status_is_none),
		cmocka_unit_test(its_words_do_not_steer_a_terminal),
		cmocka_unit_test(moments_that_cannot_be_are_left_out),
		cmocka_unit_test(drift_beyond_what_the_pings_leave_open_voids),
		cmocka_unit_test(silence_is_a_hang_only_several_times_in_a_row),
		cmocka_unit_test(a_guest_without_a_pulse_is_never_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
