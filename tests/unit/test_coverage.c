/* SPDX-License-Identifier: MIT */
/* How often the interval over rounds covers the truth, for 5, 10 and 20 rounds, and that of the
 * change between two runs.
 *
 * 20,000 runs each, seeds fixed. A correct 95 % interval misses 1,000 of them, with a standard
 * deviation of 31; the bound of 1,100 is 3.2 of them away. Rounds are normal, or Student's
 * with 3 degrees of freedom (no fourth moment), or normal with every tenth round ten times as
 * noisy: what a shared machine does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>

#include "base/err.h"
#include "noise.h"
#include "stats/change.h"
#include "stats/location.h"

#define RUNS       20000
#define MISSES_MAX 1100
#define TRUTH      0.02

static void assert_covers(double (*noise)(uint64_t *), uint64_t seed, size_t rounds)
{
	unsigned int misses = 0, wide = 0;
	double x[20];

	for (int run = 0; run < RUNS; run++) {
		struct location location;

		for (size_t i = 0; i < rounds; i++)
			x[i] = TRUTH + 0.01 * noise(&seed);
		assert_int_equal(location_of(x, rounds, &location, NULL), 0);
		assert_true(location.level >= LOCATION_LEVEL);
		assert_true(location.low <= location.estimate &&
			    location.estimate <= location.high);
		misses += location.low > TRUTH || location.high < TRUTH;
		wide += location.low <= 0 && location.high >= TRUTH * 2;
	}
	print_message("%2zu rounds: covered %.2f %%\n", rounds, 100 - misses * 100. / RUNS);
	assert_true(misses <= MISSES_MAX);
	/* An interval of everything would cover too: 20 normal rounds tell 2 % from none and 4 %.
	 */
	if (rounds == 20 && noise == noise_normal)
		assert_true(wide < RUNS / 100);
}

static void normal_rounds_are_covered(void **state)
{
	(void)state;
	assert_covers(noise_normal, 1, 5);
	assert_covers(noise_normal, 2, 10);
	assert_covers(noise_normal, 3, 20);
}

static void heavy_tailed_rounds_are_covered(void **state)
{
	(void)state;
	assert_covers(noise_student3, 4, 5);
	assert_covers(noise_student3, 5, 10);
	assert_covers(noise_student3, 6, 20);
}

static void contaminated_rounds_are_covered(void **state)
{
	(void)state;
	assert_covers(noise_contaminated, 7, 5);
	assert_covers(noise_contaminated, 8, 10);
	assert_covers(noise_contaminated, 9, 20);
}

/* 5,000 pairs of runs, of which one may have fewer rounds and be ten times as noisy. 250 misses
 * are right, and 50 p below 1 %, where Holm's correction reads it, with standard deviations of 15
 * and 7. */
static void assert_covers_change(double (*noise)(uint64_t *), size_t rounds_a, size_t rounds_b,
				 double noisier)
{
	const unsigned int runs = RUNS / 4;
	unsigned int misses = 0, sure = 0, undecided = 0;
	uint64_t seed = 100 * rounds_a + rounds_b;
	double x[20];

	for (unsigned int run = 0; run < runs; run++) {
		struct location a, b, change;

		for (size_t i = 0; i < rounds_a; i++)
			x[i] = 0.01 * noisier * noise(&seed);
		assert_int_equal(location_of(x, rounds_a, &a, NULL), 0);
		for (size_t i = 0; i < rounds_b; i++)
			x[i] = TRUTH + 0.01 * noise(&seed);
		assert_int_equal(location_of(x, rounds_b, &b, NULL), 0);
		change_of(&a, &b, &change);
		misses += change.low > TRUTH || change.high < TRUTH;
		undecided += change.low <= 0;
		/* The same of no change. */
		b.estimate -= TRUTH;
		b.low -= TRUTH;
		b.high -= TRUTH;
		change_of(&a, &b, &change);
		assert_int_equal(change.p <= 0.05, change.low >= 0 || change.high <= 0);
		sure += change.p < 0.01;
	}
	print_message("%2zu and %2zu rounds, noise %2.0f : 1: covered %.2f %%, p < 1 %% in %.2f "
		      "%%\n",
		      rounds_a, rounds_b, noisier, 100 - misses * 100. / runs, sure * 100. / runs);
	assert_true(misses <= 300);
	assert_true(sure <= 73);
	if (rounds_a == 20 && noise == noise_normal)
		assert_true(undecided < runs / 100);
}

static void changes_are_covered(void **state)
{
	static double (*const noises[])(uint64_t *) = {noise_normal, noise_student3,
						       noise_contaminated};

	(void)state;
	for (size_t i = 0; i < sizeof(noises) / sizeof(*noises); i++) {
		assert_covers_change(noises[i], 5, 5, 10);
		assert_covers_change(noises[i], 5, 20, 10);
		assert_covers_change(noises[i], 10, 10, 1);
		assert_covers_change(noises[i], 20, 20, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normal_rounds_are_covered),
		cmocka_unit_test(heavy_tailed_rounds_are_covered),
		cmocka_unit_test(contaminated_rounds_are_covered),
		cmocka_unit_test(changes_are_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
