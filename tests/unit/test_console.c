/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "machine/vm/console.h"

static struct console *make(int *ret_fd)
{
	struct tare_err err = {0};
	struct console *console;

	assert_int_equal(console_open(&console, ret_fd, &err), 0);
	return console;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void whole_last_lines_are_kept(void **state)
{
	char words[24];
	int fd;
	struct console *console = make(&fd);

	(void)state;
	assert_string_equal(console_last_words(console, words, sizeof(words)), "");
	say(fd, "a line that is too old\r\n\r\nsecond\r\nthird \033[1m\n\n");
	assert_int_equal(console_drain(console), 1);
	assert_string_equal(console_last_words(console, words, sizeof(words)),
			    "second | third ?[1m");
	assert_string_equal(console_last_words(console, words, 8), "rd ?[1m");
	(void)close(fd);
	assert_int_equal(console_drain(console), 0);
	console_close(console);
}

static void a_flood_is_bounded_and_holds_up_nobody(void **state)
{
	char words[64], line[] = "0123456789abcdef0123456789abcdef0123456789abcdef\n";
	int fd;
	struct console *console = make(&fd);
	size_t full = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		if (write(fd, line, sizeof(line) - 1) < 0) {
			full++;
			assert_int_equal(console_drain(console), 1);
		}
	}
	assert_true(full > 0);
	say(fd, "the end\n");
	(void)console_drain(console);
	(void)console_last_words(console, words, sizeof(words));
	assert_non_null(strstr(words, "| the end"));
	(void)close(fd);
	console_close(console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_last_lines_are_kept),
		cmocka_unit_test(a_flood_is_bounded_and_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
