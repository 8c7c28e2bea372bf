/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/vm/channel.h"
#include "machine/vm/message.h"
#include "machine/vm/stdio.h"

#define HELLO "{\"hello\":{\"kernel\":\"6.1\"}}\n"

static uint64_t soon(void)
{
	return clock_now_ns() + 200 * NS_PER_MS;
}

static void say(int fd, const char *text)
{
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

/* A channel whose guest has said hello and then, before any call, what it will answer. */
static struct channel *guest_that_says(int fds[2], const char *text)
{
	struct channel *c = NULL;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	say(fds[1], HELLO);
	say(fds[1], text);
	assert_int_equal(channel_open(fds[0], soon(), &c, NULL), 0);
	return c;
}

static void done(struct channel *c, const int fds[2])
{
	channel_close(c);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void an_answer_is_given_back(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(fds, "{\"id\":1,\"ok\":{\"x\":5}}\n");
	cleanup_json json_t *ok = NULL;

	(void)state;
	assert_string_equal(json_string_or(channel_hello(c), "kernel", ""), "6.1");
	assert_int_equal(channel_call(c, "ping", NULL, soon(), &ok, NULL), 0);
	assert_int_equal(json_u64_or(ok, "x", 0), 5);
	done(c, fds);
}

static void its_hello_is_printable(void **state)
{
	struct channel *c = NULL, *restored = NULL;
	cleanup_json json_t *raw =
		json_pack("{s:s, s:[s]}", "kernel", "6\033[2J", "mitigations", "x");
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	say(fds[1],
	    "{\"hello\":{\"kernel\":\"6\\u001b[2J\",\"clocksource\":\"t\\r\",\"cpus\":2,"
	    "\"mitigations\":{\"v\":\"\\u001b\",\"\\u001bw\":\"ok\",\"x\":{\"\\u001b\":1}}}}\n");
	assert_int_equal(channel_open(fds[0], soon(), &c, NULL), 0);
	assert_string_equal(json_string_or(channel_hello(c), "kernel", ""), "6?[2J");
	assert_string_equal(json_string_or(channel_hello(c), "clocksource", ""), "t?");
	assert_string_equal(
		json_string_or(json_object_get(channel_hello(c), "mitigations"), "v", ""), "?");
	assert_string_equal(
		json_string_or(json_object_get(channel_hello(c), "mitigations"), "?w", ""), "ok");
	assert_int_equal(json_object_size(json_object_get(channel_hello(c), "mitigations")), 2);
	assert_int_equal(json_u64_or(channel_hello(c), "cpus", 0), 2);
	assert_int_equal(channel_open_restored(fds[0], raw, &restored, NULL), 0);
	assert_string_equal(json_string_or(channel_hello(restored), "kernel", ""), "6?[2J");
	assert_true(json_is_object(json_object_get(channel_hello(restored), "mitigations")));
	channel_close(restored);
	done(c, fds);
}

static void an_error_keeps_the_channel_usable(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(
		fds, "{\"id\":1,\"error\":{\"errno\":2,\"message\":\"no load 'x'\\u0007\"}}\n"
		     "{\"id\":2,\"ok\":{}}\n");
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(channel_call(c, "start", NULL, soon(), NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "in the guest: no load 'x'?");
	assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, NULL), 0);
	done(c, fds);
}

/* A guest cannot make its host believe that the channel broke. */
static void strange_error_numbers_are_not_taken_over(void **state)
{
	const char *numbers[] = {"32", "110", "74", "0", "-1", "99999999999", "\"x\""};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[128];
		int fds[2];
		struct channel *c;

		(void)snprintf(text, sizeof(text), "{\"id\":1,\"error\":{\"errno\":%s}}\n",
			       numbers[i]);
		c = guest_that_says(fds, text);
		assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, NULL), -EREMOTEIO);
		done(c, fds);
	}
}

static void nonsense_breaks_the_channel_for_good(void **state)
{
	const char *lines[] = {
		"garbage\n",
		"[]\n",
		"{\"id\":2,\"ok\":{}}\n",
		"{\"id\":1}\n",
		"{\"id\":1,\"ok\":[]}\n",
		"{\"id\":1,\"id\":1,\"ok\":{}}\n",
		"{\"ok\":{}}\n",
		"\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		int fds[2];
		struct channel *c = guest_that_says(fds, lines[i]);
		struct tare_err first = {0}, second = {0};

		assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, &first), -EBADMSG);
		say(fds[1], "{\"id\":2,\"ok\":{}}\n");
		assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, &second), -EBADMSG);
		assert_string_equal(first.msg, second.msg);
		done(c, fds);
	}
}

static void silence_ends_at_the_deadline(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(fds, "{\"id\":1,\"ok\":{"); /* half a message */
	uint64_t begun = clock_now_ns();

	(void)state;
	assert_int_equal(channel_call(c, "ping", NULL, begun + 50 * NS_PER_MS, NULL, NULL),
			 -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= 50 * NS_PER_MS);
	assert_int_equal(channel_call(c, "ping", NULL, MESSAGE_NEVER, NULL, NULL), -ETIMEDOUT);
	done(c, fds);
}

static void a_closed_channel_says_so(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(fds, "");

	(void)state;
	assert_int_equal(shutdown(fds[1], SHUT_RDWR), 0);
	assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, NULL), -EPIPE);
	done(c, fds);
}

static void *write_for_ever(void *context)
{
	const int *fd = context;
	char spaces[4096];

	memset(spaces, ' ', sizeof(spaces));
	while (send(*fd, spaces, sizeof(spaces), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void an_endless_line_is_cut_off(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(fds, "");
	struct tare_err err = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_for_ever, &fds[1]), 0);
	assert_int_equal(channel_call(c, "ping", NULL, clock_now_ns() + 30 * NS_PER_S, NULL, &err),
			 -EBADMSG);
	assert_non_null(strstr(err.msg, "a line of more than"));
	assert_int_equal(shutdown(fds[0], SHUT_RDWR), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	done(c, fds);
}

static void deep_nesting_is_refused(void **state)
{
	size_t depth = 100000;
	char *text = malloc(depth + 32);
	int fds[2];
	struct channel *c;

	(void)state;
	(void)strcpy(text, "{\"id\":1,\"ok\":");
	memset(text + 13, '[', depth);
	(void)strcpy(text + 13 + depth, "\n");
	c = guest_that_says(fds, text);
	assert_int_equal(channel_call(c, "ping", NULL, soon(), NULL, NULL), -EBADMSG);
	done(c, fds);
	free(text);
}

/* Nobody reads: the socket fills, and the write gives up. */
static void a_guest_that_does_not_read_cannot_hold_us(void **state)
{
	int fds[2];
	struct channel *c = guest_that_says(fds, "");
	char *big = malloc(900000);
	int r;

	(void)state;
	memset(big, 'x', 899999);
	big[899999] = '\0';
	r = channel_call(c, "ping", json_pack("{s:s}", "big", big), soon(), NULL, NULL);
	assert_int_equal(r, -ETIMEDOUT);
	done(c, fds);
	free(big);
}

static void a_guest_without_a_hello_is_no_guest(void **state)
{
	const char *lines[] = {"{}\n", "{\"hello\":1}\n", "x\n", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct channel *c = NULL;
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		say(fds[1], lines[i]);
		assert_true(channel_open(fds[0], soon(), &c, NULL) < 0);
		assert_null(c);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

struct frames {
	size_t n, bytes;
};

static int count_frame(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
		       struct tare_err *err)
{
	struct frames *f = context;

	(void)bytes;
	(void)err;
	f->n++;
	f->bytes += frame->size;
	return 0;
}

static void frames_are_put_together_from_pieces(void **state)
{
	struct stdio_reader reader = {0};
	struct frames seen = {0};
	uint8_t piece[STDIO_FRAME_MAX + 8];
	int fds[2], feed[2];
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(pipe(feed), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stdio_write(feed[1], STDIO_OUT, piece, 1000, soon(), NULL), 0);
	assert_int_equal(stdio_write(feed[1], STDIO_ERR, NULL, 0, soon(), NULL), 0);
	(void)close(feed[1]);
	while ((n = read(feed[0], piece, 7)) > 0) {
		assert_int_equal(write(fds[1], piece, (size_t)n), n);
		assert_int_equal(stdio_read(&reader, fds[0], count_frame, &seen, NULL), 0);
	}
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.bytes, 3000);
	/* And a header that is none. */
	memset(piece, 0xff, sizeof(piece));
	assert_int_equal(write(fds[1], piece, 4), 4);
	assert_int_equal(stdio_read(&reader, fds[0], count_frame, &seen, NULL), -EBADMSG);
	(void)close(feed[0]);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_given_back),
		cmocka_unit_test(its_hello_is_printable),
		cmocka_unit_test(an_error_keeps_the_channel_usable),
		cmocka_unit_test(strange_error_numbers_are_not_taken_over),
		cmocka_unit_test(nonsense_breaks_the_channel_for_good),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(a_closed_channel_says_so),
		cmocka_unit_test(an_endless_line_is_cut_off),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(a_guest_that_does_not_read_cannot_hold_us),
		cmocka_unit_test(a_guest_without_a_hello_is_no_guest),
		cmocka_unit_test(frames_are_put_together_from_pieces),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
