/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/qmp.h"

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "         \
	"\"package\": \"x\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define AGREED "{\"return\": {}, \"id\": 1}\r\n"

/* What QEMU would say is written beforehand: the socket holds it until it is read. */
static int said(const char *text, size_t size)
{
	int ends[2], room = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	assert_int_equal(write(ends[1], text, size), (ssize_t)size);
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	/* The other end stays open, so that what is sent to it is no error. */
	return ends[0];
}

static uint64_t soon(void)
{
	return clock_now_ns() + 5 * NS_PER_S;
}

static int open_with(const char *text, struct qmp **ret, struct tare_err *err)
{
	return qmp_open(said(text, strlen(text)), soon(), ret, err);
}

static void the_greeting_gives_the_version(void **state)
{
	struct tare_err err = {0};
	struct qmp *qmp;

	(void)state;
	assert_int_equal(open_with(GREETING AGREED, &qmp, &err), 0);
	assert_string_equal(qmp_version(qmp), "7.2.22");
	qmp_close(qmp);
}

static void what_is_no_greeting_is_refused(void **state)
{
	static const char *const texts[] = {
		"SSH-2.0-OpenSSH\r\n",
		"[]\n",
		"{}\n",
		"{\"QMP\": 7}\n",
		"{\"QMP\": {\"version\": {\"qemu\": {\"major\": \"7\"}}}}\n",
		"{\"QMP\": {}, \"QMP\": {}}\n",
		"\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct tare_err err = {0};
		struct qmp *qmp;

		assert_int_equal(open_with(texts[i], &qmp, &err), -EPROTO);
		assert_true(err.msg[0] != '\0');
	}
}

static void nesting_without_end_is_refused(void **state)
{
	struct tare_err err = {0};
	char text[20001];
	struct qmp *qmp;

	(void)state;
	memset(text, '[', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(qmp_open(said(text, sizeof(text)), soon(), &qmp, &err), -EPROTO);
}

static void a_line_without_end_is_refused(void **state)
{
	static char text[70000];
	struct tare_err err = {0};
	struct qmp *qmp;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(qmp_open(said(text, sizeof(text)), soon(), &qmp, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "bytes"));
}

static void a_closed_socket_is_told(void **state)
{
	struct tare_err err = {0};
	struct qmp *qmp;

	(void)state;
	assert_int_equal(open_with("{\"QMP\": ", &qmp, &err), -EPIPE);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct tare_err err = {0};
	struct qmp *qmp;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(qmp_open(ends[0], clock_now_ns() + 20 * NS_PER_MS, &qmp, &err),
			 -ETIMEDOUT);
	(void)close(ends[1]);
}

static void events_and_stale_answers_are_passed_over(void **state)
{
	struct tare_err err = {0};
	struct qmp *qmp;
	json_t *answer;

	(void)state;
	assert_int_equal(open_with(GREETING AGREED
				   "{\"event\": \"RESUME\", \"timestamp\": {\"seconds\": 1}}\n"
				   "{\"return\": {\"stale\": 1}, \"id\": 1}\n"
				   "{\"return\": {\"status\": \"running\"}, \"id\": 2}\n",
				   &qmp, &err),
			 0);
	assert_int_equal(qmp_run(qmp, "query-status", NULL, soon(), &answer, &err), 0);
	assert_string_equal(json_string_or(answer, "status", ""), "running");
	json_decref(answer);
	qmp_close(qmp);
}

static void a_refusal_says_why(void **state)
{
	struct tare_err err = {0};
	struct qmp *qmp;

	(void)state;
	assert_int_equal(open_with(GREETING AGREED
				   "{\"error\": {\"class\": \"X\", \"desc\": \"no such\"}, "
				   "\"id\": 2}\n",
				   &qmp, &err),
			 0);
	assert_int_equal(qmp_run(qmp, "stop", NULL, soon(), NULL, &err), -EREMOTEIO);
	assert_non_null(strstr(err.msg, "no such"));
	assert_non_null(strstr(err.msg, "stop"));
	qmp_close(qmp);
}

static void events_without_end_are_no_answer(void **state)
{
	static const char event[] = "{\"event\": \"X\"}\n";
	static char text[64 + sizeof(GREETING) + sizeof(AGREED) + 1100 * sizeof(event)];
	struct tare_err err = {0};
	struct qmp *qmp;
	char *at = text;

	(void)state;
	at = stpcpy(stpcpy(at, GREETING), AGREED);
	for (int i = 0; i < 1100; i++)
		at = stpcpy(at, event);
	assert_int_equal(open_with(text, &qmp, &err), 0);
	assert_int_equal(qmp_run(qmp, "stop", NULL, soon(), NULL, &err), -EPROTO);
	qmp_close(qmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greeting_gives_the_version),
		cmocka_unit_test(what_is_no_greeting_is_refused),
		cmocka_unit_test(nesting_without_end_is_refused),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test(a_closed_socket_is_told),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(events_and_stale_answers_are_passed_over),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(events_without_end_are_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
