/* SPDX-License-Identifier: MIT */
/* The command line of tare-load, and what it tells of its loads. */
#include "conductor.h"

static void wrong_command_lines_exit_with_2_and_a_hint(void **state)
{
	static const struct {
		const char *args[6], *words;
	} cases[] = {
		{{"play", "getpid", "batch", NULL}, "did you mean 'getppid'?"},
		{{"play", "getppid", "batsh", NULL}, "did you mean 'batch'?"},
		{{"play", "pread", "batch", "sise=4K", NULL}, "did you mean 'size'?"},
		{{"play", "pread", "batch", "size=4K", "size=8K"}, "twice"},
		{{"play", "pread", "batch", "4K", NULL}, "NAME=VALUE"},
		{{"play", "dup", "batch", "dealy=1ns", NULL}, "did you mean 'delay'?"},
		{{"play", "dup", "batch", "delay=1ns", "delay=1ns"}, "twice"},
		{{"play", "cpu-burn", "batch", NULL}, "solo"},
		{{"play", "getppid", NULL}, "batch, latency or solo"},
		{{"descripe", NULL}, "did you mean 'describe'?"},
		{{"describe", "getpid", NULL}, "did you mean 'getppid'?"},
		{{NULL}, "--help"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[WORDS_MAX];
		struct player p = start(cases[i].args);

		read_words(p.err, words);
		if (!strstr(words, cases[i].words))
			fail_msg("'%s' lacks '%s'", words, cases[i].words);
		read_words(p.from, words);
		assert_string_equal(words, "");
		assert_int_equal(end(&p), 2);
	}
}

static void help_and_version_are_printed_on_stdout(void **state)
{
	char words[WORDS_MAX];
	struct player p = start((const char *const[]){"--help", NULL});

	(void)state;
	read_words(p.from, words);
	assert_non_null(strstr(words, "Usage: tare-load"));
	assert_int_equal(end(&p), 0);
	p = start((const char *const[]){"--version", NULL});
	read_words(p.from, words);
	assert_non_null(strstr(words, TARE_VERSION));
	assert_int_equal(end(&p), 0);
}

static void a_full_disk_fails_describe(void **state)
{
	char command[] = TARE_LOAD " describe >/dev/full 2>/dev/null";
	int status = system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): fixed text */

	(void)state;
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void expect_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	assert_true(*text);
	assert_null(strchr(text, '\n'));
	assert_int_not_equal(text[strlen(text) - 1], '.');
}

/* Behind those of its own. */
static void expect_common_params(const json_t *params)
{
	const json_t *last = json_array_get(params, json_array_size(params) - 1);

	assert_string_equal(name_of(last), "delay");
	assert_string_equal(json_string_value(json_object_get(last, "default")), "0");
	assert_true(json_is_true(json_object_get(last, "common")));
}

static void loads_are_described_in_full_and_by_name(void **state)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *before = "", *call;
	const json_t *load, *per_op, *group;
	size_t i, k;

	(void)state;
	assert_true(json_array_size(loads) >= 49);
	json_array_foreach(loads, i, load)
	{
		const char *name = name_of(load);

		assert_int_equal(strspn(name, allowed), strlen(name));
		assert_true(strcmp(before, name) < 0);
		before = name;
		expect_text(load, "summary");
		expect_text(load, "op");
		assert_true(json_array_size(json_object_get(load, "groups")) > 0);
		json_array_foreach(json_object_get(load, "groups"), k, group)
			assert_non_null(strstr("syscall io sched net memory program limits core",
					       json_string_value(group)));
		json_object_foreach(json_object_get(load, "syscalls"), call, per_op)
		{
			assert_string_not_equal(call, "readv");
			assert_string_not_equal(call, "writev");
			assert_true(json_integer_value(per_op) > 0);
		}
		expect_common_params(json_object_get(load, "params"));
		assert_true(json_is_object(json_object_get(load, "safety")));
		assert_true(json_is_boolean(json_object_get(load, "may_be_oom_killed")));
	}
}

static void declared_calls_follow_the_parameters(void **state)
{
	char words[WORDS_MAX];
	struct player p = start((const char *const[]){"describe", "io-stream", "rw=read", NULL});

	(void)state;
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{\"pread64\":1}"));
	p = start((const char *const[]){"describe", "clock", NULL});
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{}"));
	/* A condition of two: both hold, or one. */
	p = start((const char *const[]){"describe", "hackbench", "delay=1us", NULL});
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{\"write\":24,\"read\":24}"));
	p = start((const char *const[]){"describe", "hackbench", "fds=5", NULL});
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_described_in_full_and_by_name),
		cmocka_unit_test(declared_calls_follow_the_parameters),
		cmocka_unit_test(wrong_command_lines_exit_with_2_and_a_hint),
		cmocka_unit_test(help_and_version_are_printed_on_stdout),
		cmocka_unit_test(a_full_disk_fails_describe),
	};

	return cmocka_run_group_tests_name("load_args", tests, conductor_begin, conductor_end);
}
