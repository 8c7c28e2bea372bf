/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/store.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char run[64];

static json_t *records_of(int round, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s, s:i, s:s, s:s}", "group", "g", "round",
						      round, "set", "getppid", "status", "ok"));
	return list;
}

static struct store *fresh(void)
{
	struct store *s = NULL;

	assert_int_equal(fd_remove_tree(run, NULL), 0);
	assert_int_equal(store_create(run, &s, NULL), 0);
	return s;
}

static void append_text(const char *text)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/records.jsonl", run);
	cleanup_close int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static void a_set_is_found_again_after_reopening(void **state)
{
	struct store *s = fresh();
	cleanup_json json_t *records = records_of(4, 3);

	(void)state;
	assert_int_equal(store_append(s, records, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(records, 2), "seq")), 2);
	store_close(s);
	assert_int_equal(store_open(run, &s, NULL), 0);
	assert_int_equal(store_count(s), 3);
	assert_int_equal(store_set_size(s, "g", 4, "getppid"), 3);
	assert_int_equal(store_set_size(s, "g", 3, "getppid"), 0);
	store_close(s);
}

static void void_records_do_not_count_for_their_set(void **state)
{
	struct store *s = fresh();
	cleanup_json json_t *records = records_of(0, 2);

	(void)state;
	(void)json_object_set_new(json_array_get(records, 0), "status", json_string("void"));
	assert_int_equal(store_append(s, records, NULL), 0);
	assert_int_equal(store_set_size(s, "g", 0, "getppid"), 1);
	store_close(s);
}

static void a_superseded_set_begins_anew(void **state)
{
	struct store *s = fresh();
	cleanup_json json_t *records = records_of(0, 2);
	cleanup_json json_t *note = json_pack("[{s:b, s:s, s:i, s:s}]", "superseded", 1, "group",
					      "g", "round", 0, "set", "getppid");

	(void)state;
	assert_int_equal(store_append(s, records, NULL), 0);
	assert_int_equal(store_append(s, note, NULL), 0);
	assert_int_equal(store_set_size(s, "g", 0, "getppid"), 0);
	store_close(s);
	assert_int_equal(store_open(run, &s, NULL), 0);
	assert_int_equal(store_set_size(s, "g", 0, "getppid"), 0);
	store_close(s);
}

static void a_torn_last_line_is_cut_and_nothing_else(void **state)
{
	struct store *s = fresh();
	cleanup_json json_t *records = records_of(0, 2), *more = records_of(1, 1);

	(void)state;
	assert_int_equal(store_append(s, records, NULL), 0);
	store_close(s);
	append_text("{\"schema\":\"tare.record/1\",\"gro");
	assert_int_equal(store_open(run, &s, NULL), 0);
	assert_int_equal(store_count(s), 2);
	assert_int_equal(store_append(s, more, NULL), 0);
	store_close(s);
	assert_int_equal(store_open(run, &s, NULL), 0);
	assert_int_equal(store_count(s), 3);
	store_close(s);
}

static void a_foreign_or_broken_line_is_named(void **state)
{
	const struct {
		const char *text, *said;
	} lines[] = {
		{"{\"schema\":\"other/1\"}\n", "line 1: no record of schema tare.record/1"},
		{"[]\n", "line 1: no record"},
		{"{\"schema\":\n", "line 1, column"},
		{"{\"schema\":\"tare.record/1\",\"schema\":1}\n", "duplicate"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct store *s = fresh();
		struct tare_err err = {0};

		store_close(s);
		append_text(lines[i].text);
		s = NULL;
		assert_int_equal(store_open(run, &s, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "records.jsonl"));
		assert_non_null(strstr(err.msg, lines[i].said));
	}
}

static void a_folder_with_something_in_it_is_refused(void **state)
{
	struct store *s = fresh();
	struct tare_err err = {0};

	(void)state;
	store_close(s);
	assert_int_equal(store_create(run, &s, &err), -ENOTEMPTY);
	assert_non_null(strstr(err.msg, "--resume"));
}

/* A file size limit stands in for the full disk: the write fails half way in the same call. */
static void a_full_disk_leaves_the_records_as_they_were(void **state)
{
	struct store *s = fresh();
	cleanup_json json_t *records = records_of(0, 2), *many = records_of(1, 500);
	struct rlimit before, small;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(store_append(s, records, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){8192, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_true(store_append(s, many, &err) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(err.msg, "records.jsonl"));
	store_close(s);
	assert_int_equal(store_open(run, &s, NULL), 0);
	assert_int_equal(store_count(s), 2);
	store_close(s);
}

static int make_folder(void **state)
{
	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_found_again_after_reopening),
		cmocka_unit_test(void_records_do_not_count_for_their_set),
		cmocka_unit_test(a_superseded_set_begins_anew),
		cmocka_unit_test(a_torn_last_line_is_cut_and_nothing_else),
		cmocka_unit_test(a_foreign_or_broken_line_is_named),
		cmocka_unit_test(a_folder_with_something_in_it_is_refused),
		cmocka_unit_test(a_full_disk_leaves_the_records_as_they_were),
	};

	return cmocka_run_group_tests_name("store", tests, make_folder, remove_folder);
}
