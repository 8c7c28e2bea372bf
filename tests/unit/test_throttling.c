/* SPDX-License-Identifier: MIT */
/* What cpu traces of a quota at work, held against what the kernel itself counts; and that whoever
 * is not named is not traced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace_scene.h"

#define PERIOD_MS 50

static double last_of(const json_t *seen, const char *series, const char *column)
{
	const json_t *values = json_object_get(json_object_get(seen, series), column);

	assert_true(json_array_size(values) > 0);
	return json_number_value(json_array_get(values, json_array_size(values) - 1));
}

/* So little that others leave it more, also on a busy machine. */
static void limit_cpu(const struct cgroup *cgroup)
{
	write_limit(cgroup, CGROUP_CPU, "cpu.cfs_period_us", "50000", "cpu.max", "2500 50000");
	write_limit(cgroup, CGROUP_CPU, "cpu.cfs_quota_us", "2500", "cpu.max", "2500 50000");
}

static int n_spinners;

/* The periods that follow the last spin put the whole of it to account. */
static void part_spin(void)
{
	uint64_t end = clock_now_ns() + 1500 * NS_PER_MS;
	int i = 1;

	while (i < n_spinners && fork() != 0)
		i++;
	while (clock_now_ns() < end)
		;
	if (i < n_spinners)
		_exit(0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	(void)usleep(4 * PERIOD_MS * 1000);
}

static void throttling_is_seen(int spinners)
{
	struct collector *cpu;
	struct scene scene;
	double periods;
	json_t *seen;
	size_t n;

	n_spinners = spinners;
	scene_open(&scene, CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT), limit_cpu);
	cpu = scene_attach(&scene, "cpu");
	scene_start(&scene, part_spin);
	scene_play(&scene);
	seen = scene_read(cpu);
	scene_close(&scene);
	n = json_array_size(json_object_get(json_object_get(seen, "periods"), "t_ns"));
	periods = number_in(seen, NULL, "nr_periods");
	/* Of about 34, each is an event. But a timer that is late counts for as many as it is late,
	 * and the last event is one such behind. */
	assert_true(n >= 5 && (double)n >= 0.3 * periods && (double)n <= periods + 1);
	assert_true(last_of(seen, "periods", "nr_periods") <= periods &&
		    last_of(seen, "periods", "nr_periods") >= 0.7 * periods);
	assert_true(last_of(seen, "periods", "nr_throttled") ==
		    number_in(seen, NULL, "nr_throttled"));
	assert_true(number_in(seen, NULL, "nr_throttled") >= 1);
	assert_within(last_of(seen, "periods", "throttled_us"),
		      number_in(seen, NULL, "throttled_us"), 0.03);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void each_period_of_a_spinner_is_seen(void **state)
{
	(void)state;
	throttling_is_seen(1);
}

static void each_period_of_three_spinners_is_seen(void **state)
{
	(void)state;
	throttling_is_seen(3);
}

static void part_nothing(void)
{
}

static void who_is_not_named_only_reads_files(void **state)
{
	static const char *const names[] = {"cpu", "memory", "io"};
	static const char *const traced[] = {"periods", "stalls", "request_wait"};
	struct collector *collector;
	struct scene scene;
	json_t *seen;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int named = 0; named < 2; named++) {
			scene_open(&scene, CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_IO), NULL);
			collector = scene_attach_as(&scene, names[i], named);
			scene_start(&scene, part_nothing);
			scene_play(&scene);
			seen = scene_read(collector);
			scene_close(&scene);
			assert_int_equal(json_object_get(seen, traced[i]) != NULL, named);
			assert_int_equal(json_object_get(seen, "unsupported") != NULL, named);
			json_decref(seen);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_period_of_a_spinner_is_seen, scene_teardown),
		cmocka_unit_test_teardown(each_period_of_three_spinners_is_seen, scene_teardown),
		cmocka_unit_test_teardown(who_is_not_named_only_reads_files, scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
