/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/random.h"

static void the_same_question_has_the_same_answer(void **state)
{
	struct random a = random_for(7, "turns", 3, "getppid", "players");
	struct random b = random_for(7, "turns", 3, "getppid", "players");

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(random_next(&a), random_next(&b));
}

static void every_part_of_the_question_matters(void **state)
{
	struct random base = random_for(7, "turns", 3, "getppid", "players");
	struct random others[] = {
		random_for(8, "turns", 3, "getppid", "players"),
		random_for(7, "turn", 3, "getppid", "players"),
		random_for(7, "turns", 4, "getppid", "players"),
		random_for(7, "turns", 3, "stat", "players"),
		random_for(7, "turns", 3, "getppid", "starts"),
		/* the same letters, cut elsewhere */
		random_for(7, "turnsg", 3, "etppid", "players"),
	};
	uint64_t first = random_next(&base);

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_not_equal(random_next(&others[i]), first);
}

/* Chi-squared over the 24 orders of 4 players; 23 degrees of freedom, 1 - 1e-6 quantile 71. */
static void all_orders_are_equally_likely(void **state)
{
	struct random random = random_for(1, "g", 0, "l", "test");
	unsigned int seen[256] = {0};
	double chi2 = 0, expected = 1000;

	(void)state;
	for (int i = 0; i < 24000; i++) {
		size_t order[4];

		random_permute(&random, order, 4);
		seen[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
	}
	for (unsigned int code = 0; code < 256; code++) {
		double d = (double)seen[code] - expected;

		chi2 += seen[code] ? d * d / expected : 0;
	}
	assert_true(chi2 < 71);
}

static void a_draw_stays_below_its_bound(void **state)
{
	struct random random = random_for(2, "g", 0, "l", "test");
	uint64_t highest = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t v = random_below(&random, 10);

		assert_true(v < 10);
		highest = v > highest ? v : highest;
	}
	assert_int_equal(highest, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_question_has_the_same_answer),
		cmocka_unit_test(every_part_of_the_question_matters),
		cmocka_unit_test(all_orders_are_equally_likely),
		cmocka_unit_test(a_draw_stays_below_its_bound),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
