/* SPDX-License-Identifier: MIT */
/* What a resumed run takes over from its records into the question of when to stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/precision.h"
#include "engine/store.h"

#define ROUNDS 3

static const char *const envs[] = {"native", "container", "vm"};
static char folder[] = "/tmp/test-precision-XXXXXX";

static json_t *record_of(uint64_t round, size_t env)
{
	int ns = 1000 + 10 * (int)env + (int)round;

	return json_pack("{s:s, s:I, s:s, s:s, s:{s:s}, s:{s:s}, "
			 "s:{s:{s:[i,i,i], s:[i,i,i], s:[i,i,i]}}}",
			 "group", "g", "round", (json_int_t)round, "set", "getppid", "status", "ok",
			 "trial", "env", envs[env], "instance", "id", envs[env], "load", "slices",
			 "pass", 0, 1, 2, "ops", 10, 10, 10, "ns", ns, ns, ns);
}

/* A run of three rounds, of the last of which so many records were written. */
static struct precision *refilled(size_t of_last)
{
	struct precision *p = NULL;
	struct store *store = NULL;
	struct tare_err err = {0};

	assert_int_equal(fd_remove_tree(folder, NULL), 0);
	assert_int_equal(store_create(folder, &store, NULL), 0);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		cleanup_json json_t *records = json_array();

		for (size_t i = 0; i < (round + 1 < ROUNDS ? 3 : of_last); i++)
			(void)json_array_append_new(records, record_of(round, i));
		assert_int_equal(store_append(store, records, NULL), 0);
	}
	store_close(store);
	assert_int_equal(precision_new("native", &p, NULL), 0);
	if (precision_refill(p, folder, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static size_t figures(const struct precision *p)
{
	struct precision_answer answer;

	assert_int_equal(precision_ask(p, 1, &answer, NULL), 0);
	return answer.figures;
}

static void a_set_that_a_crash_cut_short_counts_once_it_is_done_again(void **state)
{
	struct precision *p = refilled(2);
	cleanup_json json_t *again = json_array();

	(void)state;
	assert_int_equal(figures(p), ROUNDS - 1);
	for (size_t i = 0; i < 3; i++)
		(void)json_array_append_new(again, record_of(ROUNDS - 1, i));
	assert_int_equal(precision_add(p, again, NULL), 0);
	assert_int_equal(figures(p), ROUNDS);
	precision_free(p);
}

static void the_last_set_counts_when_it_is_known_to_be_whole(void **state)
{
	struct precision *p = refilled(3);

	(void)state;
	for (uint64_t round = 0; round + 1 < ROUNDS; round++)
		assert_int_equal(precision_is_whole(p, "g", round, "getppid", NULL), 0);
	assert_int_equal(figures(p), ROUNDS - 1);
	assert_int_equal(precision_is_whole(p, "g", ROUNDS - 1, "getppid", NULL), 0);
	assert_int_equal(figures(p), ROUNDS);
	assert_int_equal(precision_is_whole(p, "g", ROUNDS - 1, "getppid", NULL), 0);
	assert_int_equal(figures(p), ROUNDS);
	precision_free(p);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_that_a_crash_cut_short_counts_once_it_is_done_again),
		cmocka_unit_test(the_last_set_counts_when_it_is_known_to_be_whole),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
