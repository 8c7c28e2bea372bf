/* SPDX-License-Identifier: MIT */
/* tare density without putting anything up: when it stops, and what it makes of its boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "density/density.h"

#define ROUNDS 6
#define BOXES  8 /* of a climb */
#define MIB    (1024ULL * 1024)

static void a_climb_stays_within_its_share_by_the_dearest_box(void **state)
{
	const struct density_plan plan = {.share = 0.5};

	(void)state;
	assert_true(density_has_room(&plan, 1000, 1000, 0));
	assert_true(density_has_room(&plan, 1000, 601, 100));
	assert_false(density_has_room(&plan, 1000, 600, 100));
	assert_false(density_has_room(&plan, 1000, 550, 51));
	assert_false(density_has_room(&plan, 1000, 20, 100)); /* nor is it taken below 0 */
}

/* Natively 1 ms a start and 1 MiB a box; the guests take 100 ms, the last quarter of them 300 ms,
 * and are 50 MiB, while each takes 40 from the machine, which had 1000 MiB. */
static void put_climb(struct density_result *result, size_t round, size_t env)
{
	struct density_climb *climb = &result->climbs[result->n_climbs];

	*climb =
		(struct density_climb){.round = round,
				       .env = env,
				       .boxes = BOXES,
				       .stop = env ? DENSITY_REFUSED : DENSITY_AT_MAX,
				       .available_bytes = 1000 * MIB,
				       .instance = env ? json_pack("{s:s, s:{s:s}}", "accel", "tcg",
								   "boot", "kind", "restored")
						       : json_object()};
	if (env)
		(void)snprintf(climb->why, sizeof(climb->why), "there is no more");
	for (size_t i = 0; i < BOXES; i++)
		result->boxes[result->n_boxes++] = (struct density_box){
			.climb = result->n_climbs,
			.n = i + 1,
			.start_ns = env == 0                ? 1000000U
				    : i < BOXES - BOXES / 4 ? 100000000U
							    : 300000000U,
			/* Somebody else takes 200 MiB when the last one comes. */
			.available_bytes =
				(1000 - (env ? 40 : 1) * (i + 1) - (i == BOXES - 1 ? 200 : 0)) *
				MIB,
			.up = i < 2 ? BOXES - i : 0,
			.pss_bytes = i < 2 ? (env ? 50 * MIB : MIB) : 0,
		};
	result->n_climbs++;
}

static json_t *make_document(void)
{
	struct env_list envs = {0};
	struct density_plan plan = {.envs = &envs,
				    .asked = {.rounds = ROUNDS, .effect = 0.01},
				    .max = BOXES,
				    .share = 0.5,
				    .climb_ns = 1};
	struct density_climb climbs[2 * ROUNDS];
	struct density_box boxes[2 * ROUNDS * BOXES];
	struct round rounds[ROUNDS];
	struct density_result result = {.rounds = {.items = rounds, .n = ROUNDS, .end = "complete"},
					.climbs = climbs,
					.boxes = boxes};
	struct tare_err err = {0};
	json_t *document = NULL;

	assert_int_equal(args_parse_envs("native", &envs, NULL), 0);
	assert_int_equal(args_parse_envs("g=vm", &envs, NULL), 0);
	for (size_t round = 0; round < ROUNDS; round++) {
		rounds[round] = (struct round){json_object(), true};
		put_climb(&result, round, 0);
		put_climb(&result, round, 1);
	}
	if (density_document(&plan, &result, &document, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < result.n_climbs; i++)
		json_decref(climbs[i].instance);
	for (size_t i = 0; i < ROUNDS; i++)
		json_decref(rounds[i].validity);
	env_list_free(&envs);
	return document;
}

static double location(const json_t *cell, const char *key)
{
	return json_double_or(json_object_get(cell, key), "location", NAN);
}

static void starts_and_weights_are_figures_over_the_rounds(void **state)
{
	json_t *d = make_document();
	const json_t *cells = json_object_get(d, "cells");
	const json_t *native = json_array_get(cells, 0), *guest = json_array_get(cells, 1);

	(void)state;
	assert_true(fabs(location(native, "first_ns") - 1e6) < 1);
	assert_true(fabs(location(guest, "first_ns") - 1e8) < 1);
	assert_true(fabs(location(guest, "last_ns") - 3e8) < 1);
	assert_true(fabs(location(guest, "pss_bytes") - 50.0 * MIB) < 1);
	assert_true(fabs(location(guest, "machine_bytes") - 40.0 * MIB) < 1);
	/* 500 MiB in boxes of 50, the heavier of the two. */
	assert_true(fabs(location(guest, "fit") - 10) < 1e-9);
	assert_int_equal(json_u64_or(json_object_get(guest, "group_bytes"), "rounds", 9), 0);
	assert_int_equal(json_u64_or(json_object_get(guest, "stops"), "refused", 0), ROUNDS);
	assert_string_equal(json_string_or(guest, "accel", ""), "tcg");
	assert_int_equal(json_array_size(json_object_get(d, "boxes")), 2 * ROUNDS * BOXES);
	json_decref(d);
}

static void expect_ratio(const json_t *d, const char *env, const char *metric, double expected,
			 const char *verdict)
{
	const json_t *ratio;
	size_t i;

	json_array_foreach(json_object_get(d, "ratios"), i, ratio)
	{
		if (strcmp(json_string_or(ratio, "env", ""), env) != 0 ||
		    strcmp(json_string_or(ratio, "metric", ""), metric) != 0)
			continue;
		assert_true(fabs(json_double_or(ratio, "ratio", 0) - expected) < 1e-9);
		assert_string_equal(json_string_or(ratio, "verdict", ""), verdict);
		return;
	}
	fail_msg("no ratio '%s' of '%s'", metric, env);
}

static void a_start_among_many_is_compared_with_one_among_few(void **state)
{
	json_t *d = make_document();

	(void)state;
	expect_ratio(d, "native", "last_to_first", 1, "equivalent");
	expect_ratio(d, "g", "last_to_first", 3, "slower");
	expect_ratio(d, "g", "first_ns", 100, "slower");
	expect_ratio(d, "g", "pss_bytes", 50, "slower");
	json_decref(d);
}

static void the_folder_has_a_line_for_each_box_and_labels_emulation(void **state)
{
	char dir[] = "/tmp/test-density-XXXXXX", path[64], text[65536];
	struct tare_err err = {0};
	json_t *d = make_document();
	size_t lines = 0;
	int r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	r = density_write(d, dir, &err);
	assert_true(r == 0 || r == -ENOTSUP);
	(void)snprintf(path, sizeof(path), "%s/boxes.csv", dir);
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 1 + 2 * ROUNDS * BOXES);
	(void)snprintf(path, sizeof(path), "%s/density.gp", dir);
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
	assert_non_null(strstr(text, "title 'g (TCG)'"));
	assert_int_equal(fd_remove_tree(dir, NULL), 0);
	json_decref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_climb_stays_within_its_share_by_the_dearest_box),
		cmocka_unit_test(starts_and_weights_are_figures_over_the_rounds),
		cmocka_unit_test(a_start_among_many_is_compared_with_one_among_few),
		cmocka_unit_test(the_folder_has_a_line_for_each_box_and_labels_emulation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
