/* SPDX-License-Identifier: MIT */
/* harness/stats against R (tests/data/stats.R wrote tests/data/stats.txt), and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "stats/binomial.h"
#include "stats/change.h"
#include "stats/histogram.h"
#include "stats/location.h"
#include "stats/pair.h"
#include "stats/quantile.h"
#include "stats/signed_rank.h"
#include "stats/student.h"
#include "stats/verdict.h"

#define SAMPLE_MAX 64

struct line {
	char what[16], name[16];
	double x[SAMPLE_MAX];
	size_t n;
};

static int read_line(FILE *f, struct line *line)
{
	char text[4096], *at;
	int used = 0;

	if (!fgets(text, sizeof(text), f))
		return 0;
	assert_int_equal(sscanf(text, "%15s %15s %n", line->what, line->name, &used), 2);
	at = text + used;
	for (line->n = 0; line->n < SAMPLE_MAX; line->n++) {
		char *end;
		double x = strtod(at, &end);

		if (end == at)
			break;
		line->x[line->n] = x;
		at = end;
	}
	return 1;
}

static void assert_near(double got, double expected)
{
	if (!(fabs(got - expected) <= 1e-12 + 1e-9 * fabs(expected)))
		fail_msg("got %.17g, R says %.17g", got, expected);
}

static void check_change(const struct line *sample, const struct line *second,
			 const struct line *said)
{
	struct location a, b, change;

	assert_int_equal(location_of(sample->x, sample->n, &a, NULL), 0);
	assert_int_equal(location_of(second->x, second->n, &b, NULL), 0);
	change_of(&a, &b, &change);
	assert_near(change.estimate, said->x[0]);
	assert_near(change.low, said->x[1]);
	assert_near(change.high, said->x[2]);
	assert_near(change.p, said->x[3]);
	assert_int_equal(change.n, a.n < b.n ? a.n : b.n);
}

static void check_line(const struct line *sample, const struct line *said)
{
	struct location location;
	double sorted[SAMPLE_MAX], p[SAMPLE_MAX];

	memcpy(sorted, sample->x, sizeof(sorted));
	memcpy(p, sample->x, sizeof(p));
	quantile_sort(sorted, sample->n);
	assert_int_equal(location_of(sample->x, sample->n, &location, NULL), 0);
	if (strcmp(said->what, "median") == 0) {
		assert_near(quantile_median(p, sample->n), said->x[0]);
	} else if (strcmp(said->what, "quantile") == 0) {
		assert_near(quantile_type7(sorted, sample->n, said->x[0]), said->x[1]);
	} else if (strcmp(said->what, "estimate") == 0) {
		assert_near(location.estimate, said->x[0]);
	} else if (strcmp(said->what, "interval") == 0) {
		assert_near(location.low, said->x[0]);
		assert_near(location.high, said->x[1]);
	} else if (strcmp(said->what, "p") == 0) {
		assert_near(location.p, said->x[0]);
	} else if (strcmp(said->what, "level") == 0) {
		assert_near(location.level, said->x[0]);
	} else if (strcmp(said->what, "tails") == 0) {
		assert_near(student_two_tails(said->x[0], (size_t)sample->x[0]), said->x[1]);
	} else if (strcmp(said->what, "beyond") == 0) {
		assert_near(student_beyond(said->x[0], (size_t)sample->x[0]), said->x[1]);
	} else {
		assert_string_equal(said->what, "holm");
		assert_int_equal(verdict_holm(p, sample->n, NULL), 0);
		for (size_t i = 0; i < sample->n; i++)
			assert_near(p[i], said->x[i]);
	}
}

static void every_figure_is_the_one_of_r(void **state)
{
	cleanup_fclose FILE *f = fopen(TARE_SOURCE_DIR "/tests/data/stats.txt", "re");
	struct line line, sample = {.n = 0}, second = {.n = 0};
	int checked = 0;

	(void)state;
	assert_non_null(f);
	while (read_line(f, &line)) {
		if (strcmp(line.what, "sample") == 0) {
			sample = line;
			continue;
		}
		assert_string_equal(line.name, sample.name);
		if (strcmp(line.what, "second") == 0) {
			second = line;
			continue;
		}
		if (strcmp(line.what, "change") == 0)
			check_change(&sample, &second, &line);
		else
			check_line(&sample, &line);
		checked++;
	}
	assert_int_equal(checked, 9 * 12 + 4 + 12 * 7 + 6);
}

static void one_noisy_round_does_not_move_the_estimate(void **state)
{
	double x[] = {0.010, 0.011, 0.009, 0.012, 0.008, 0.010, 0.011, 0.009};
	struct location quiet, noisy;

	(void)state;
	assert_int_equal(location_of(x, 8, &quiet, NULL), 0);
	x[3] = 5;
	assert_int_equal(location_of(x, 8, &noisy, NULL), 0);
	assert_true(fabs(noisy.estimate - quiet.estimate) < 0.001);
}

static void below_five_rounds_there_is_no_interval(void **state)
{
	const double x[] = {0.1, 0.2, 0.3, 0.4};
	struct location location;

	(void)state;
	for (size_t n = 0; n <= 4; n++) {
		assert_int_equal(location_of(x, n, &location, NULL), 0);
		assert_int_equal(location.method, LOCATION_NONE);
		assert_true(isnan(location.low) && isnan(location.high));
		assert_true(location.level == 0);
		assert_int_equal(verdict_of(&location, location.p, 0.01, 0), VERDICT_INCONCLUSIVE);
	}
	assert_true(isfinite(location.estimate));
}

static void a_change_needs_an_interval_of_both_runs(void **state)
{
	const double x[] = {0.1, 0.2, 0.3, 0.2, 0.1}, same[] = {7, 7, 7, 7, 7, 7},
		     more[] = {8, 8, 8, 8, 8};
	struct location a, b, change;

	(void)state;
	assert_int_equal(location_of(x, 4, &a, NULL), 0);
	assert_int_equal(location_of(x, 5, &b, NULL), 0);
	change_of(&a, &b, &change);
	assert_int_equal(change.method, LOCATION_NONE);
	assert_true(isnan(change.low) && isnan(change.high) && change.p == 1);
	assert_near(change.estimate, b.estimate - a.estimate);
	/* Rounds without any spread: the change is known, or there is certainly none. */
	assert_int_equal(location_of(same, 6, &a, NULL), 0);
	assert_int_equal(location_of(more, 5, &b, NULL), 0);
	change_of(&a, &a, &change);
	assert_true(change.p == 1 && change.low == 0 && change.high == 0);
	change_of(&a, &b, &change);
	assert_true(change.p == 0 && change.low == 1 && change.high == 1);
}

static void ties_and_zeros_stay_exact(void **state)
{
	/* |x| without the zero: 1 1 2 3 3 3, ranks 1.5 1.5 3 5 5 5. The positive ranks sum to
	 * 19.5 of 21; as much or more have {none}, {1.5}, {the other 1.5} left out: 3 of 64. */
	const double x[] = {1, -1, 2, 3, 3, 3, 0};
	double p;

	(void)state;
	assert_int_equal(signed_rank_p(x, 7, &p, NULL), 0);
	assert_near(p, 2 * 3.0 / 64);
}

static void walsh_averages_need_no_table(void **state)
{
	double x[40], walsh[40 * 41 / 2];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		x[i] = sin((double)(i * i)) * (i % 3 ? 1 : -1e-3);
	quantile_sort(x, 40);
	for (size_t i = 0; i < 40; i++)
		for (size_t j = i; j < 40; j++)
			walsh[n++] = (x[i] + x[j]) / 2;
	quantile_sort(walsh, n);
	for (size_t k = 1; k <= n; k++)
		assert_true(signed_rank_walsh(x, 40, k) == walsh[k - 1]);
}

static void many_rounds_are_quick_and_near_the_exact_interval(void **state)
{
	cleanup_free double *x = calloc(5000, sizeof(double));
	struct location location;

	(void)state;
	assert_non_null(x);
	for (size_t i = 0; i < 5000; i++)
		x[i] = 0.02 * ((double)i / 4999 - 0.5) + 0.002;
	assert_int_equal(location_of(x, 5000, &location, NULL), 0);
	assert_true(location.low < 0.002 && 0.002 < location.high);
	/* On even ground the rank interval is as wide as the mean's: sd = width / sqrt(12). */
	assert_true(fabs(location.high - location.low - 2 * 1.96 * 0.02 / sqrt(12 * 5000.)) < 1e-5);
}

static void slices_pair_by_pass_whatever_their_order(void **state)
{
	const uint64_t pass_a[] = {3, 0, 1, 2}, pass_b[] = {1, 2, 3, 7};
	const double a[] = {40, 5, 20, 30}, b[] = {10, 10, 10, 99};
	double ratio;
	size_t pairs;

	(void)state;
	assert_int_equal(pair_log_ratio(&(struct pair_slices){pass_a, a, 4},
					&(struct pair_slices){pass_b, b, 4}, &ratio, &pairs, NULL),
			 0);
	assert_int_equal(pairs, 3);
	assert_near(ratio, log(3));
}

static void slices_that_cannot_be_paired_are_refused(void **state)
{
	const uint64_t pass[] = {0, 1}, twice[] = {4, 4}, other[] = {8, 9};
	const double good[] = {1, 2}, zero[] = {1, 0}, infinite[] = {1, INFINITY};
	const struct pair_slices a = {pass, good, 2};
	struct tare_err err = {0};
	double ratio;

	(void)state;
	assert_int_equal(
		pair_log_ratio(&a, &(struct pair_slices){other, good, 2}, &ratio, NULL, &err),
		-ENODATA);
	assert_string_equal(err.msg, "no pass in common");
	assert_int_equal(
		pair_log_ratio(&a, &(struct pair_slices){twice, good, 2}, &ratio, NULL, NULL),
		-EINVAL);
	assert_int_equal(
		pair_log_ratio(&a, &(struct pair_slices){pass, zero, 2}, &ratio, NULL, NULL),
		-EINVAL);
	assert_int_equal(
		pair_log_ratio(&a, &(struct pair_slices){pass, infinite, 2}, &ratio, NULL, NULL),
		-EINVAL);
	assert_int_equal(
		pair_log_ratio(&a, &(struct pair_slices){pass, good, 0}, &ratio, NULL, NULL),
		-ENODATA);
}

static void histogram_quantiles_bound_the_true_ones(void **state)
{
	struct histogram histogram = {.max = 1000};
	double values[1000];

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		values[i] = i + 1;
		histogram_add(&histogram, loglin_bucket(i + 1), 1);
	}
	for (int percent = 1; percent < 100; percent++) {
		double p = percent / 100.0;
		double true_one = values[(size_t)ceil(p * 1000 - 1e-9) - 1];
		double upper = histogram_quantile_upper(&histogram, p);
		double between = histogram_quantile_between(&histogram, p);

		assert_true(upper >= true_one && upper <= true_one * 1.126);
		assert_true(fabs(between - true_one) <= true_one * 0.02 + 1);
	}
	assert_near(histogram_quantile_upper(&histogram, 1), 1000);
	assert_near(histogram_share(&histogram, loglin_bucket(7)), 0.007);
	assert_true(isnan(histogram_quantile_upper(&(struct histogram){0}, 0.5)));
}

static void histograms_merge_without_loss(void **state)
{
	struct histogram a = {.max = 5}, b = {.max = 9000};

	(void)state;
	histogram_add(&a, loglin_bucket(5), 10);
	histogram_add(&b, loglin_bucket(9000), 30);
	histogram_add(&b, LOGLIN_BUCKETS + 7, 1);
	histogram_merge(&a, &b);
	assert_int_equal(a.count, 41);
	assert_int_equal(a.bucket[loglin_bucket(9000)], 30);
	assert_int_equal(a.bucket[LOGLIN_BUCKETS - 1], 1);
	assert_int_equal(a.max, 9000);
}

static void verdicts_follow_the_interval_and_the_effect(void **state)
{
	struct location l = {.n = 10, .level = 0.95, .method = LOCATION_SIGNED_RANK};
	const struct {
		double low, high, p, resolution;
		enum verdict verdict;
	} cases[] = {
		{-0.002, 0.003, 0.5, 0, VERDICT_EQUIVALENT},
		{0.001, 0.005, 0.001, 0, VERDICT_EQUIVALENT}, /* excludes 1, but is too small */
		{0.005, 0.03, 0.001, 0, VERDICT_SLOWER},
		{0.005, 0.03, 0.06, 0, VERDICT_INCONCLUSIVE}, /* not after Holm */
		{-0.30, -0.20, 0.001, 0, VERDICT_FASTER},
		{-0.02, 0.02, 0.8, 0, VERDICT_INCONCLUSIVE},
		{0.04, 0.06, 0.001, 0.1, VERDICT_NOT_RESOLVABLE},
		{0.2, 0.3, 0.001, 0.1, VERDICT_SLOWER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		l.low = cases[i].low;
		l.high = cases[i].high;
		l.estimate = (l.low + l.high) / 2;
		assert_int_equal(verdict_of(&l, cases[i].p, 0.01, cases[i].resolution),
				 cases[i].verdict);
	}
	assert_string_equal(verdict_name(VERDICT_NOT_RESOLVABLE), "not-resolvable");
}

static void rounds_needed_go_with_the_square_of_the_width(void **state)
{
	struct location l = {.n = 10, .low = -0.02, .high = 0.02, .method = LOCATION_SIGNED_RANK};

	(void)state;
	assert_int_equal(location_rounds_for(&l, 0.01), 40);
	l.method = LOCATION_NONE;
	assert_int_equal(location_rounds_for(&l, 0.01), 0);
}

/* binom.test() of R. */
static void a_share_has_the_interval_of_clopper_and_pearson(void **state)
{
	static const struct {
		size_t k, n;
		double low, high;
	} known[] = {
		{0, 0, 0, 1},
		{0, 10, 0, 0.3084971},
		{10, 10, 0.6915029, 1},
		{7, 10, 0.3475471, 0.9332605},
		{1, 8, 0.0031597, 0.5265097},
		{682, 925, 0.7076683, 0.7654066},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		double low, high;

		binomial_interval(known[i].k, known[i].n, 0.95, &low, &high);
		assert_float_equal(low, known[i].low, 1e-6);
		assert_float_equal(high, known[i].high, 1e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_figure_is_the_one_of_r),
		cmocka_unit_test(one_noisy_round_does_not_move_the_estimate),
		cmocka_unit_test(below_five_rounds_there_is_no_interval),
		cmocka_unit_test(a_change_needs_an_interval_of_both_runs),
		cmocka_unit_test(ties_and_zeros_stay_exact),
		cmocka_unit_test(walsh_averages_need_no_table),
		cmocka_unit_test(many_rounds_are_quick_and_near_the_exact_interval),
		cmocka_unit_test(slices_pair_by_pass_whatever_their_order),
		cmocka_unit_test(slices_that_cannot_be_paired_are_refused),
		cmocka_unit_test(histogram_quantiles_bound_the_true_ones),
		cmocka_unit_test(histograms_merge_without_loss),
		cmocka_unit_test(verdicts_follow_the_interval_and_the_effect),
		cmocka_unit_test(rounds_needed_go_with_the_square_of_the_width),
		cmocka_unit_test(a_share_has_the_interval_of_clopper_and_pearson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
