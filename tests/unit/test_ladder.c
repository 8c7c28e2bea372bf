/* SPDX-License-Identifier: MIT */
/* The ladder: its steps differ by one ingredient each, and its sums are what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "box/box.h"
#include "box/common/controllers.h"
#include "engine/ladder.h"
#include "stats/ladder.h"

#define ROUNDS 12
#define STEPS  4

struct figures {
	double logs[STEPS * ROUNDS], ns[STEPS * ROUNDS], whole[ROUNDS];
	struct ladder_step steps[STEPS];
	struct ladder_sum sum;
};

/* Steps of 0, 20, 0 and -5 %, with noise of this size that is different in each round, and that
 * the whole, measured by itself, has too. */
static void make(struct figures *f, double noise)
{
	static const double true_steps[STEPS] = {0, 0.2, 0, -0.05};

	for (size_t r = 0; r < ROUNDS; r++) {
		f->whole[r] = noise * sin(17.0 * (double)r);
		for (size_t s = 0; s < STEPS; s++) {
			f->logs[s * ROUNDS + r] =
				true_steps[s] + noise * cos(7.0 * (double)r + 3.0 * (double)s);
			f->ns[s * ROUNDS + r] = 100 * f->logs[s * ROUNDS + r];
			f->whole[r] += true_steps[s];
		}
	}
}

static void evaluate(struct figures *f, size_t n_rounds)
{
	const struct ladder_rounds rounds = {.n_steps = STEPS,
					     .n_rounds = n_rounds,
					     .logs = f->logs,
					     .ns = f->ns,
					     .whole = f->whole,
					     .n_whole = STEPS};

	assert_int_equal(ladder_of(&rounds, 0.01, f->steps, &f->sum, NULL), 0);
}

static void without_noise_the_steps_are_the_whole(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0);
	evaluate(&f, ROUNDS);
	assert_true(fabs(f.sum.of_estimates - 0.15) < 1e-12);
	assert_true(fabs(f.sum.product.estimate - 0.15) < 1e-12);
	assert_true(fabs(f.sum.whole.estimate - 0.15) < 1e-12);
	assert_true(fabs(f.sum.rest.estimate) < 1e-12);
	assert_int_equal(f.sum.adds, LADDER_ADDS_UP);
	assert_true(fabs(f.steps[1].ns.estimate - 20) < 1e-9);
}

static void noise_widens_the_intervals_around_the_truth(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0.01);
	evaluate(&f, ROUNDS);
	assert_true(f.steps[1].log.low < 0.2 && f.steps[1].log.high > 0.2);
	assert_true(f.steps[1].log.high > f.steps[1].log.low);
	assert_true(f.sum.whole.low < 0.15 && f.sum.whole.high > 0.15);
	assert_int_equal(f.sum.adds, LADDER_ADDS_UP);
}

static void holm_corrects_over_the_steps(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0.01);
	evaluate(&f, ROUNDS);
	for (size_t s = 0; s < STEPS; s++)
		assert_true(f.steps[s].p >= f.steps[s].log.p);
	/* The smallest is counted as often as there are steps; beyond what ranks can say it is as
	 * small as its distance from 0 makes it. */
	assert_true(fabs(f.steps[1].p -
			 fmax(f.steps[1].log.p, STEPS * location_p_for_many(&f.steps[1].log))) <
		    1e-12);
	assert_true(f.steps[1].p < 0.05);
}

static void a_step_that_hides_a_cost_is_found_out(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0.002);
	for (size_t r = 0; r < ROUNDS; r++)
		f.whole[r] += 0.05;
	evaluate(&f, ROUNDS);
	assert_int_equal(f.sum.adds, LADDER_FALLS_SHORT);
}

static void few_rounds_prove_nothing(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0.002);
	/* Rows are as long as there are rounds. */
	for (size_t s = 1; s < STEPS; s++)
		memmove(f.logs + 4 * s, f.logs + ROUNDS * s, 4 * sizeof(double));
	evaluate(&f, 4);
	assert_int_equal(f.sum.adds, LADDER_UNKNOWN);
}

static void a_round_that_lacks_a_step_is_left_out_of_the_sum(void **state)
{
	struct figures f;

	(void)state;
	make(&f, 0);
	f.logs[2 * ROUNDS + 3] = NAN;
	evaluate(&f, ROUNDS);
	assert_int_equal(f.steps[2].log.n, ROUNDS - 1);
	assert_int_equal(f.steps[1].log.n, ROUNDS);
	assert_int_equal(f.sum.product.n, ROUNDS - 1);
	assert_int_equal(f.sum.rest.n, ROUNDS - 1);
	assert_int_equal(f.sum.adds, LADDER_ADDS_UP);
}

static void make_layout(struct cgroup_layout *layout, int version, const char *const *mounts)
{
	memset(layout, 0, sizeof(*layout));
	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++) {
		layout->controllers[c].version = version;
		(void)snprintf(layout->controllers[c].mount, sizeof(layout->controllers[c].mount),
			       "%s", mounts ? mounts[c] : "/sys/fs/cgroup");
	}
}

/* All that the box is made of, the fallbacks filled in: {"seccomp": "on", ...}. A bare process has
 * none of a container's ingredients. */
static json_t *effective(const struct env_choice *env)
{
	static const char *const absent[][2] = {
		{"user", "host"},   {"pid", "host"},  {"mount", "host"},  {"net", "host"},
		{"uts", "host"},    {"ipc", "host"},  {"cgroup", "host"}, {"time", "host"},
		{"rootfs", "host"}, {"caps", "keep"}, {"seccomp", "off"}};
	json_t *all = json_object();
	const struct box_ops *ops;
	unsigned int bits;
	bool named;

	assert_int_equal(box_find(env->box, &ops, NULL), 0);
	assert_int_equal(box_check_options(ops, env->options, NULL), 0);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		const char *value = box_option(ops, env->options, absent[i][0]);

		(void)json_object_set_new(all, absent[i][0],
					  json_string(value ? value : absent[i][1]));
	}
	assert_int_equal(controllers_choose(ops, env->options, &bits, &named, NULL), 0);
	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++)
		(void)json_object_set_new(all, cgroup_controller_name((enum cgroup_controller)c),
					  json_boolean(bits & CGROUP_BIT(c)));
	return all;
}

static size_t differences(const struct env_choice *a, const struct env_choice *b)
{
	cleanup_json json_t *x = effective(a);
	cleanup_json json_t *y = effective(b);
	size_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach(x, key, value) n += !json_equal(value, json_object_get(y, key));
	return n;
}

static void check_steps(const struct cgroup_layout *layout, size_t n_controllers)
{
	struct env_list steps = {0};

	assert_int_equal(ladder_add_steps(layout, &steps, NULL), 0);
	/* native, the controllers, eight namespaces, root, capabilities, calls, container. */
	assert_int_equal(steps.n, 1 + n_controllers + 8 + 3 + 1);
	assert_string_equal(steps.items[0].box, "bare");
	for (size_t i = 1; i + 1 < steps.n; i++)
		assert_int_equal(differences(&steps.items[i - 1], &steps.items[i]), 1);
	/* The last is the container as everybody knows it, and equal to the step before. */
	assert_int_equal(json_object_size(steps.items[steps.n - 1].options), 0);
	assert_int_equal(differences(&steps.items[steps.n - 2], &steps.items[steps.n - 1]), 0);
	env_list_free(&steps);
}

static void each_step_adds_one_ingredient(void **state)
{
	static const char *const mounts[CGROUP_N_CONTROLLERS] = {"/c",    "/acct", "/set",   "/mem",
								 "/pids", "/io",   "/freeze"};
	struct cgroup_layout layout;

	(void)state;
	make_layout(&layout, 1, mounts);
	check_steps(&layout, 5);
}

static void what_is_no_controller_of_its_own_is_no_step(void **state)
{
	struct env_list steps = {0};
	struct cgroup_layout layout;

	(void)state;
	/* Version 2 has no cpuacct. */
	make_layout(&layout, 2, NULL);
	layout.controllers[CGROUP_CPUACCT].version = 0;
	assert_int_equal(ladder_add_steps(&layout, &steps, NULL), 0);
	assert_string_equal(steps.items[1].label, "cpu");
	assert_string_equal(steps.items[2].label, "memory");
	env_list_free(&steps);
	/* Nothing is to be had. */
	memset(&layout, 0, sizeof(layout));
	assert_int_equal(ladder_add_steps(&layout, &steps, NULL), 0);
	assert_string_equal(steps.items[1].label, "mount");
	env_list_free(&steps);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_noise_the_steps_are_the_whole),
		cmocka_unit_test(noise_widens_the_intervals_around_the_truth),
		cmocka_unit_test(holm_corrects_over_the_steps),
		cmocka_unit_test(a_step_that_hides_a_cost_is_found_out),
		cmocka_unit_test(few_rounds_prove_nothing),
		cmocka_unit_test(a_round_that_lacks_a_step_is_left_out_of_the_sum),
		cmocka_unit_test(each_step_adds_one_ingredient),
		cmocka_unit_test(what_is_no_controller_of_its_own_is_no_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
