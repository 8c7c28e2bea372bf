/* SPDX-License-Identifier: MIT */
/* Rounds within instances, what a correction over many claims reads, and when rounds may end. The
 * simulations have fixed seeds; their bounds are 4 standard deviations and more from what a correct
 * program gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>

#include "base/err.h"
#include "noise.h"
#include "stats/levels.h"
#include "stats/stop.h"
#include "stats/verdict.h"

#define ROUNDS_MAX 400

static double x[ROUNDS_MAX];
static uint64_t instance[ROUNDS_MAX];

/* Rounds of normal noise in instances that differ by so much. */
static void draw(size_t instances, size_t per, double instance_sd, double round_sd, uint64_t *seed)
{
	for (size_t i = 0; i < instances; i++) {
		double effect = instance_sd * noise_normal(seed);

		for (size_t k = 0; k < per; k++) {
			x[i * per + k] = effect + round_sd * noise_normal(seed);
			instance[i * per + k] = i + 1;
		}
	}
}

static bool misses(const struct location *l, double truth)
{
	return l->low > truth || l->high < truth;
}

static void instances_give_one_figure_each(void **state)
{
	const double rounds[] = {1, 2, 9, 4, 4, 6, 5, 5, 8, 7, 1, 3};
	const uint64_t of[] = {1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5};
	struct location expected;
	struct levels levels;

	(void)state;
	assert_int_equal(levels_of(rounds, of, 12, &levels, NULL), 0);
	/* Hodges and Lehmann's of 1, 2, 9 is the median of 1, 1.5, 2, 5, 5.5, 9; of 4, 4, 6
	 * that of 4, 4, 4, 5, 5, 6. */
	assert_int_equal(location_of((const double[]){3.5, 4.5, 5, 7.5, 2}, 5, &expected, NULL), 0);
	assert_int_equal(levels.location.n, 5);
	assert_int_equal(levels.rounds, 12);
	assert_int_equal(levels.rounds_per_instance, 3);
	assert_true(levels.location.low == expected.low && levels.location.high == expected.high);
	assert_true(levels.location.estimate == expected.estimate);
}

static void without_instances_each_round_is_one(void **state)
{
	const uint64_t all_differ[] = {3, 4, 5, 6, 7, 8};
	struct location expected;
	struct levels levels;
	uint64_t seed = 1;

	(void)state;
	draw(6, 1, 0, 1, &seed);
	assert_int_equal(location_of(x, 6, &expected, NULL), 0);
	for (int given = 0; given < 2; given++) {
		assert_int_equal(levels_of(x, given ? all_differ : NULL, 6, &levels, NULL), 0);
		assert_true(levels.location.low == expected.low && levels.location.n == 6);
		assert_true(isnan(levels.round_var) && isnan(levels.instance_var));
	}
	assert_int_equal(levels_of(x, NULL, 0, &levels, NULL), 0);
	assert_int_equal(levels.location.method, LOCATION_NONE);
}

/* firecracker#6047: samples of one boot, taken for independent, raise false alarms. */
static void rounds_of_one_instance_are_no_independent_sample(void **state)
{
	const int runs = 2000;
	int pooled_missed = 0, missed = 0;
	uint64_t seed = 2;

	(void)state;
	for (int run = 0; run < runs; run++) {
		struct location pooled;
		struct levels levels;

		draw(6, 6, 0.01, 0.01, &seed);
		assert_int_equal(location_of(x, 36, &pooled, NULL), 0);
		assert_int_equal(levels_of(x, instance, 36, &levels, NULL), 0);
		pooled_missed += misses(&pooled, 0);
		missed += misses(&levels.location, 0);
	}
	print_message("missed: pooled %.1f %%, by instances %.1f %%\n", 100. * pooled_missed / runs,
		      100. * missed / runs);
	assert_true(pooled_missed > runs / 4);
	assert_true(missed < runs * 5 / 100);
}

static void variances_of_both_levels_are_found(void **state)
{
	double within = 0, between = 0;
	uint64_t seed = 3;
	struct levels levels;

	(void)state;
	for (int run = 0; run < 200; run++) {
		draw(20, 5, 3, 2, &seed);
		/* Instances of unequal size: the last has one round. */
		assert_int_equal(levels_of(x, instance, 96, &levels, NULL), 0);
		within += levels.round_var / 200;
		between += levels.instance_var / 200;
	}
	assert_true(fabs(within - 4) < 0.2);
	assert_true(fabs(between - 9) < 1);
}

static void more_is_said_of_the_level_that_needs_it(void **state)
{
	const struct levels_cost dear_boots = {1, 10}, cheap_boots = {1, 0.1}, unknown = {0, 0};
	struct levels levels = {
		.location = {.n = 10, .low = -0.02, .high = 0.02, .method = LOCATION_SIGNED_RANK},
		.rounds = 20,
		.rounds_per_instance = 2};
	struct levels_more more;

	(void)state;
	/* Rounds differ much, instances little, and a boot costs as much as ten rounds. */
	levels.round_var = 1;
	levels.instance_var = 0.01;
	levels_more(&levels, 0.01, &dear_boots, &more);
	assert_int_equal(more.where, LEVELS_ROUNDS);
	assert_true(more.rounds_per_instance > 2 && more.instances < 40);
	assert_int_equal(more.rounds, more.instances * more.rounds_per_instance);
	assert_true(fabs(more.time_s -
			 (double)more.instances * (10 + (double)more.rounds_per_instance)) < 1e-9);
	/* Instances differ: rounds within them help nothing. */
	levels.instance_var = 1;
	levels.round_var = 0.01;
	levels_more(&levels, 0.01, &cheap_boots, &more);
	assert_int_equal(more.where, LEVELS_INSTANCES);
	assert_int_equal(more.rounds_per_instance, 1);
	assert_true(more.instances >= 39 && more.instances <= 41);
	levels_more(&levels, 0.01, &unknown, &more);
	assert_int_equal(more.where, LEVELS_INSTANCES);
	assert_true(isnan(more.time_s));
	levels_more(&levels, 0.02, &cheap_boots, &more);
	assert_int_equal(more.where, LEVELS_ENOUGH);
	/* Each round was an instance: twice as narrow takes four times as many. */
	levels.round_var = levels.instance_var = NAN;
	levels.rounds_per_instance = 1;
	levels_more(&levels, 0.01, &cheap_boots, &more);
	assert_int_equal(more.where, LEVELS_ROUNDS);
	assert_int_equal(more.rounds, 40);
	levels.location.method = LOCATION_NONE;
	levels_more(&levels, 0.01, &cheap_boots, &more);
	assert_int_equal(more.where, LEVELS_UNKNOWN);
	assert_string_equal(levels_where_name(more.where), "unknown");
}

/* What was asked for is then reached: simulated with as many as it says. */
static void as_much_as_is_said_is_enough(void **state)
{
	const struct levels_cost cost = {1, 5};
	double said = 0, width = 0;
	uint64_t seed = 4;

	(void)state;
	for (int run = 0; run < 100; run++) {
		struct levels levels;
		struct levels_more more;

		draw(12, 2, 0.01, 0.01, &seed);
		assert_int_equal(levels_of(x, instance, 24, &levels, NULL), 0);
		levels_more(&levels, 0.004, &cost, &more);
		if (more.where == LEVELS_ENOUGH || more.rounds > ROUNDS_MAX)
			continue;
		draw(more.instances, more.rounds_per_instance, 0.01, 0.01, &seed);
		assert_int_equal(levels_of(x, instance, more.rounds, &levels, NULL), 0);
		said++;
		width += (levels.location.high - levels.location.low) / 2 / 0.004;
	}
	print_message("%.0f times: %.2f of what was wanted\n", said, width / said);
	assert_true(said > 60);
	assert_true(width / said > 0.8 && width / said < 1.25);
}

static void equivalence_and_interval_agree(void **state)
{
	struct location l;
	uint64_t seed = 5;

	(void)state;
	for (size_t n = 5; n <= 30; n++) {
		double bound;

		draw(n, 1, 0, 0.01, &seed);
		assert_int_equal(location_of(x, n, &l, NULL), 0);
		bound = fmax(l.high, -l.low);
		assert_true(fabs(location_p_outside(&l, bound) - 0.025) < 1e-6);
		assert_true(location_p_outside(&l, bound * 1.1) < 0.025);
		assert_true(location_p_outside(&l, bound * 0.9) > 0.025);
		assert_true(location_p_outside(&l, 0) >= 0.5);
	}
	l.method = LOCATION_NONE;
	assert_true(location_p_outside(&l, 100) == 1);
}

/* A program that is slower by just the effect must hardly ever be called equivalent. */
static void what_is_just_outside_is_not_called_equivalent(void **state)
{
	const int runs = 10000;
	int equivalent = 0, at_all = 0;
	uint64_t seed = 6;

	(void)state;
	for (int run = 0; run < runs; run++) {
		struct location l;

		draw(10, 1, 0, 0.005, &seed);
		assert_int_equal(location_of(x, 10, &l, NULL), 0);
		at_all += verdict_of(&l, l.p, 0.01, 0) == VERDICT_EQUIVALENT;
		l.estimate += log1p(0.01);
		l.low += log1p(0.01);
		l.high += log1p(0.01);
		equivalent += verdict_of(&l, l.p, 0.01, 0) == VERDICT_EQUIVALENT;
	}
	print_message("equivalent: %.2f %% at the effect, %.0f %% at 1\n", 100. * equivalent / runs,
		      100. * at_all / runs);
	assert_true(equivalent < runs * 32 / 1000);
	assert_true(at_all > runs / 2);
}

/* Among many comparisons without a difference, a small p is as rare as it says. */
static void small_p_are_as_rare_as_they_say(void **state)
{
	static double (*const noises[])(uint64_t *) = {noise_normal, noise_student3,
						       noise_contaminated};
	const int runs = 20000;
	uint64_t seed = 7;

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		for (size_t n = 6; n <= 10; n += 4) {
			int small = 0;

			for (int run = 0; run < runs; run++) {
				struct location l;

				for (size_t i = 0; i < n; i++)
					x[i] = noises[k](&seed);
				assert_int_equal(location_of(x, n, &l, NULL), 0);
				assert_true(location_p_for_many(&l) <= l.p);
				small += location_p_for_many(&l) <= 0.001;
			}
			print_message("noise %zu, %zu rounds: p <= 0.1 %% in %.3f %%\n", k, n,
				      100. * small / runs);
			assert_true(small <= 40);
		}
	}
}

static void a_question_is_corrected_as_a_whole(void **state)
{
	enum { N = 40 };
	struct verdict_ps ps[N], *question[N];
	struct location alike = {.n = 10,
				 .estimate = 0,
				 .low = -0.009,
				 .high = 0.009,
				 .p = 1,
				 .method = LOCATION_SIGNED_RANK},
			slow = {.n = 10,
				.estimate = 0.1,
				.low = 0.09,
				.high = 0.11,
				.p = 2. / 1024,
				.method = LOCATION_SIGNED_RANK},
			barely = {.n = 10,
				  .estimate = 0.05,
				  .low = 0.01,
				  .high = 0.09,
				  .p = 0.02,
				  .method = LOCATION_SIGNED_RANK};

	(void)state;
	for (size_t i = 0; i < N; i++) {
		verdict_ps_of(i == 0 ? &slow : i == 1 ? &barely : &alike, 0.01, &ps[i]);
		question[i] = &ps[i];
	}
	/* Each alone. */
	assert_int_equal(verdict_of_many(&alike, &ps[2], 0.01, 0), VERDICT_EQUIVALENT);
	assert_int_equal(verdict_of_many(&barely, &ps[1], 0.01, 0), VERDICT_SLOWER);
	assert_int_equal(verdict_correct(question, N, NULL), 0);
	/* Of forty, what is near its bound is no longer sure; ranks alone would forbid any claim.
	 */
	assert_int_equal(verdict_of_many(&alike, &ps[2], 0.01, 0), VERDICT_INCONCLUSIVE);
	assert_int_equal(verdict_of_many(&barely, &ps[1], 0.01, 0), VERDICT_INCONCLUSIVE);
	assert_int_equal(verdict_of_many(&slow, &ps[0], 0.01, 0), VERDICT_SLOWER);
	assert_true(N * slow.p > 0.05);
	for (size_t i = 0; i < N; i++) {
		assert_true(ps[i].differs_holm >= ps[i].differs);
		assert_true(ps[i].outside_holm >= ps[i].outside);
	}
}

static void looks_are_seldom(void **state)
{
	const size_t looks[] = {10, 15, 22, 33, 49, 73};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		while (!stop_is_look(++n))
			assert_int_equal(stop_look(n), looks[i]);
		assert_int_equal(n, looks[i]);
	}
}

/* Rounds end when the interval is narrow; it must cover as often as it says all the same. */
static void stopping_keeps_the_coverage(void **state)
{
	static double (*const noises[])(uint64_t *) = {noise_normal, noise_contaminated};
	const int runs = 3000;
	uint64_t seed = 8;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		int missed = 0, early = 0;

		for (int run = 0; run < runs; run++) {
			struct location l = {0};
			size_t n = 0;

			do {
				size_t end = stop_look(n + 1);

				for (; n < end; n++)
					x[n] = noises[k](&seed);
				assert_int_equal(location_of(x, n, &l, NULL), 0);
			} while (!stop_is_narrow(&l, 0.5) && stop_look(n + 1) <= ROUNDS_MAX);
			early += n < 22;
			missed += misses(&l, 0);
		}
		print_message("noise %zu: covered %.2f %%, %d %% stopped before the third look\n",
			      k, 100 - 100. * missed / runs, 100 * early / runs);
		assert_true(missed < runs * 75 / 1000);
		assert_true(early > runs / 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances_give_one_figure_each),
		cmocka_unit_test(without_instances_each_round_is_one),
		cmocka_unit_test(rounds_of_one_instance_are_no_independent_sample),
		cmocka_unit_test(variances_of_both_levels_are_found),
		cmocka_unit_test(more_is_said_of_the_level_that_needs_it),
		cmocka_unit_test(as_much_as_is_said_is_enough),
		cmocka_unit_test(equivalence_and_interval_agree),
		cmocka_unit_test(what_is_just_outside_is_not_called_equivalent),
		cmocka_unit_test(small_p_are_as_rare_as_they_say),
		cmocka_unit_test(a_question_is_corrected_as_a_whole),
		cmocka_unit_test(looks_are_seldom),
		cmocka_unit_test(stopping_keeps_the_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
