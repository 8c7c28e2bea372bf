/* SPDX-License-Identifier: MIT */
/* In which order the engine opens, starts, plays, finishes and closes, when all goes well and when
 * something does not. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/store.h"
#include "engine_scene.h"

static void all_players_are_up_before_the_first_pass_and_end_after_the_last(void **state)
{
	struct engine_result r = carry_out(1, false, false);
	const char *last_start = strrchr(asked, 's'), *last_guest_start = strrchr(asked, 'S');
	const char *begun = last_start > last_guest_start ? last_start : last_guest_start;

	(void)state;
	assert_int_equal(r.trials, 2);
	assert_string_equal(r.end, "complete");
	/* One slice calibrates each, three passes follow, in which both play once. */
	assert_int_equal(count(asked, 'p'), 4);
	assert_int_equal(count(asked, 'P'), 4);
	assert_int_equal(strcspn(begun, "fF"), strlen(only(begun, "sSpP")));
	for (const char *pass = strpbrk(begun, "pP") + 1; pass < strpbrk(begun, "fF"); pass += 2)
		assert_true(pass[0] != pass[1]);
	assert_int_equal(count(asked, 'f') + count(asked, 'F'), 2);
	assert_int_equal(count(asked, 'c') + count(asked, 'C'), 2);
}

static void machines_are_renewed_every_round(void **state)
{
	(void)carry_out(3, false, false);
	(void)state;
	assert_int_equal(count(asked, 'O'), 3);
	assert_string_equal(only(asked, "OC"), "OCOCOC");
}

/* A hypervisor that takes the CPU away voids a set, which is then played again: r.voided. */
static void a_guest_lives_as_many_rounds_as_asked(void **state)
{
	struct engine_result r;

	(void)state;
	live = 2;
	r = carry_out(5, false, false);
	assert_int_equal(r.trials - r.voided, 10);
	assert_string_equal(only(asked, "OC"), "OCOCOC");
	assert_string_equal(only(asked, "oc"), "ocococococ");
}

/* All slices take the same here: the interval is a point from the first on. */
static void precision_is_looked_at_after_ten_rounds(void **state)
{
	struct engine_result r;

	(void)state;
	precision_pct = 1;
	r = carry_out(100, false, false);
	assert_string_equal(r.end, "precision");
	assert_int_equal(r.trials - r.voided, 20);
}

static void precision_counts_guests_not_their_rounds(void **state)
{
	struct engine_result r;

	(void)state;
	precision_pct = 1;
	live = 3;
	r = carry_out(100, false, false);
	assert_string_equal(r.end, "precision");
	assert_int_equal(r.trials - r.voided, 2 * 10 * 3);
	assert_int_equal(count(asked, 'O'), 10);
}

/* A set of eight slices of 50 ms is begun, since nobody knows yet how long it takes, and never ends
 * within 100 ms. */
static void what_takes_too_long_is_given_up_at_the_deadline(void **state)
{
	struct engine_result r;

	(void)state;
	slice_ms = 50;
	budget_ns = 100 * NS_PER_MS;
	r = carry_out(3, false, false);
	assert_string_equal(r.end, "time budget");
	assert_int_equal(r.trials, 0);
	assert_true(count(asked, 'p') + count(asked, 'P') < 8);
	assert_int_equal(count(asked, 'a') + count(asked, 'A'),
			 count(asked, 's') + count(asked, 'S'));
	assert_int_equal(count(asked, 'o') + count(asked, 'O'),
			 count(asked, 'c') + count(asked, 'C'));
	slice_ms = 0;
	budget_ns = 0;
	r = carry_out(3, true, false);
	assert_string_equal(r.end, "complete");
	assert_int_equal(r.trials - r.voided, 6);
}

static void one_after_the_other_never_overlaps(void **state)
{
	const char *starts;

	(void)carry_out(1, false, true);
	(void)state;
	starts = only(asked, "sSfF");
	assert_true(strcmp(starts, "sfSF") == 0 || strcmp(starts, "SFsf") == 0);
}

static void a_failed_start_fails_its_trial_alone(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'S';
	fails_with = -EIO;
	r = carry_out(1, false, false);
	assert_int_equal(r.failed, 1);
	assert_int_equal(r.trials, 2);
	assert_int_equal(count(asked, 'f'), 1);
	assert_int_equal(count(asked, 'F') + count(asked, 'A') + count(asked, 'P'), 0);
	assert_int_equal(count(asked, 'C'), 1);
}

static void a_machine_that_is_not_to_be_had_is_unsupported(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'O';
	fails_with = -ENOTSUP;
	r = carry_out(1, false, false);
	assert_int_equal(r.unsupported, 1);
	assert_int_equal(count(asked, 'C'), 0);
	assert_int_equal(count(asked, 'f'), 1);
}

/* A guest that died is closed at once, asked nothing more, and replaced in the next round. */
static void a_dead_guest_is_replaced(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'P';
	fails_with = -EPIPE;
	r = carry_out(2, false, false);
	assert_int_equal(r.failed, 1);
	assert_int_equal(r.trials, 4);
	assert_string_equal(only(asked, "OPFAC"), "OPCOPPPPFC");
}

/* The fake operation takes 1000 ns. */
static int check_self_test(const json_t *record, size_t line, void *context)
{
	const json_t *trial = json_object_get(record, "trial");
	const json_t *told = json_object_get(record, "self_test");
	const char *env = json_string_or(trial, "env", "");
	size_t *n = context;

	(void)line;
	/* To the statistics its parameters are those of all. */
	assert_int_equal(json_object_size(json_object_get(trial, "params")), 0);
	if (strcmp(env, "native") == 0 || strcmp(env, "vm") == 0) {
		assert_null(told);
		return 0;
	}
	assert_string_equal(json_string_or(told, "of", ""), "native");
	assert_true(fabs(json_double_or(told, "delay_ns", -1) - (strcmp(env, "slow") ? 0 : 100)) <
		    1e-9);
	++*n;
	return 0;
}

static void a_known_slowdown_is_a_share_of_what_an_operation_takes(void **state)
{
	struct engine_result r;
	size_t n = 0;

	(void)state;
	self_test = true;
	r = carry_out(2, false, false);
	assert_int_equal(r.trials, 8);
	assert_int_equal(r.failed, 0);
	/* Once more to find out how long it takes, but not in the round after. */
	assert_int_equal(count(asked, 's'), 7);
	assert_int_equal(count(asked, 's') + count(asked, 'S'),
			 count(asked, 'f') + count(asked, 'F'));
	assert_int_equal(count(delays, 'n'), 2);
	assert_non_null(strstr(delays, "100.000ns "));
	assert_int_equal(store_each(run_dir, check_self_test, &n, NULL, NULL), 0);
	assert_int_equal(n, 4);
}

static void a_slowdown_of_what_cannot_be_timed_is_not_claimed(void **state)
{
	struct engine_result r;

	(void)state;
	self_test = true;
	fails = 's'; /* the first to start is the one that is to tell */
	fails_with = -ENOTSUP;
	r = carry_out(1, false, false);
	assert_int_equal(r.trials, 4);
	assert_int_equal(r.unsupported, 1);
	assert_int_equal(count(delays, 'n'), 0);
}

static void a_guest_that_dies_while_it_is_timed_is_replaced(void **state)
{
	struct engine_result r;

	(void)state;
	self_test = self_test_of_vm = true;
	fails = 'P';
	fails_with = -EPIPE;
	r = carry_out(1, false, false);
	assert_int_equal(r.trials - r.voided, 4);
	/* A void set is played again, and then it is timed. */
	assert_int_equal(r.failed, r.voided == 0);
	assert_int_equal(count(asked, 'O'), 2);
}

static void a_self_test_has_no_part_in_what_takes_no_turns(void **state)
{
	(void)state;
	self_test = true;
	mode = TRIAL_SOLO;
	assert_int_equal(carry_out(1, false, false).trials, 2);
}

static void an_interrupt_ends_at_the_next_turn_and_resumes(void **state)
{
	struct engine_result r;
	struct store *store = NULL;

	(void)state;
	interrupt_after = 11; /* in the second round, amid a pass */
	r = carry_out(3, false, false);
	assert_int_equal(count(asked, 'p') + count(asked, 'P'), 11);
	assert_string_equal(r.end, "interrupted");
	assert_int_equal(r.trials, 2);
	assert_int_equal(count(asked, 'a') + count(asked, 'A'), 2);
	assert_int_equal(count(asked, 'c') + count(asked, 'C'), 4);
	interrupted = 0;
	r = carry_out(3, true, false);
	assert_string_equal(r.end, "complete");
	assert_int_equal(r.trials, 4);
	assert_int_equal(store_open(run_dir, &store, NULL), 0);
	for (uint64_t round = 0; round < 3; round++)
		assert_int_equal(store_set_size(store, "g", round, "getppid"), 2);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(all_players_are_up_before_the_first_pass_and_end_after_the_last),
		IN_FOLDER(machines_are_renewed_every_round),
		IN_FOLDER(a_guest_lives_as_many_rounds_as_asked),
		IN_FOLDER(precision_is_looked_at_after_ten_rounds),
		IN_FOLDER(precision_counts_guests_not_their_rounds),
		IN_FOLDER(what_takes_too_long_is_given_up_at_the_deadline),
		IN_FOLDER(one_after_the_other_never_overlaps),
		IN_FOLDER(a_failed_start_fails_its_trial_alone),
		IN_FOLDER(a_machine_that_is_not_to_be_had_is_unsupported),
		IN_FOLDER(a_dead_guest_is_replaced),
		IN_FOLDER(a_known_slowdown_is_a_share_of_what_an_operation_takes),
		IN_FOLDER(a_slowdown_of_what_cannot_be_timed_is_not_claimed),
		IN_FOLDER(a_guest_that_dies_while_it_is_timed_is_replaced),
		IN_FOLDER(a_self_test_has_no_part_in_what_takes_no_turns),
		IN_FOLDER(an_interrupt_ends_at_the_next_turn_and_resumes),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
