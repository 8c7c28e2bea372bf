/* SPDX-License-Identifier: MIT */
/* What memory traces of limits at work, held against what the kernel itself counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "trace_scene.h"

/* v1's limit, in files: what exceeds it is reclaimed. v2's memory.high, in nobody's pages: who
 * exceeds it is held back. */
static void limit_memory(const struct cgroup *cgroup)
{
	write_limit(cgroup, CGROUP_MEMORY, "memory.limit_in_bytes", "16M", "memory.max", "16M");
	write_limit(cgroup, CGROUP_MEMORY, "memory.swappiness", "0", "memory.swap.max", "0");
}

static void limit_memory_high(const struct cgroup *cgroup)
{
	write_limit(cgroup, CGROUP_MEMORY, NULL, NULL, "memory.high", "8M");
	write_limit(cgroup, CGROUP_MEMORY, NULL, NULL, "memory.swap.max", "0");
	write_limit(cgroup, CGROUP_MEMORY, NULL, NULL, "memory.max", "32M");
}

static void part_write(void)
{
	write_file(UINT64_MAX);
}

static json_t *stall_of(const json_t *seen, const char *kind)
{
	json_t *stall = json_object_get(json_object_get(seen, "stalls"), kind);

	assert_non_null(stall);
	return stall;
}

static void reclaim_for_a_limit_is_timed(void **state)
{
	json_t *seen, *stall;
	uint64_t ns;
	int status;

	(void)state;
	seen = scene_watch("memory", CGROUP_BIT(CGROUP_MEMORY), limit_memory, part_write, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	stall = stall_of(seen, "reclaim");
	ns = json_u64_or(stall, "sum_ns", 0);
	assert_true(json_u64_or(stall, "n", 0) >= 1);
	assert_true(ns > 0 && ns < json_u64_or(seen, "wall_ns", UINT64_MAX));
	/* What was written and did not fit, but for what the whole machine's reclaim was faster to
	 * take. */
	assert_true(json_u64_or(seen, "reclaimed_bytes", 0) >= (WRITTEN - 16 * MIB) / 10 * 9);
	assert_int_equal(json_array_size(json_object_get(seen, "victims")), 0);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void part_fill(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
		((volatile char *)p)[i] = 1;
}

static void part_be_killed(void)
{
	part_fill(64 * MIB);
}

static void who_dies_for_lack_of_memory_is_named(void **state)
{
	json_t *seen, *victim;
	int status;

	(void)state;
	seen = scene_watch("memory", CGROUP_BIT(CGROUP_MEMORY), limit_memory, part_be_killed,
			   &status);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(number_in(seen, "events", "oom_kill") == 1);
	assert_int_equal(json_array_size(json_object_get(seen, "victims")), 1);
	victim = json_array_get(json_object_get(seen, "victims"), 0);
	assert_string_equal(json_string_or(victim, "comm", ""), "test_stalls");
	assert_true(json_u64_or(victim, "pid", 0) > 1);
	assert_true(json_u64_or(stall_of(seen, "reclaim"), "n", 0) >= 1);
	json_decref(seen);
}

static void part_exceed_high(void)
{
	scene_stay_on_one_cpu();
	part_fill(9 * MIB);
}

static void memory_high_holds_back_as_long_as_pressure_says(void **state)
{
	double held, pressure;
	json_t *seen;
	int status;

	(void)state;
	seen = scene_watch("memory", CGROUP_BIT(CGROUP_MEMORY), limit_memory_high, part_exceed_high,
			   &status);
	if (json_object_get(json_object_get(seen, "unsupported"), "stalls.high")) {
		assert_null(json_object_get(json_object_get(seen, "stalls"), "high"));
		json_decref(seen);
		skip(); /* v1 has no such limit */
	}
	assert_true(WIFEXITED(status));
	held = number_in(stall_of(seen, "high"), NULL, "sum_ns") / 1e3;
	pressure = number_in(seen, "pressure", "some_us");
	assert_true(json_u64_or(json_object_get(seen, "events"), "high", 0) > 0);
	assert_true(held > 100000);
	/* Pressure has reclaim too, which finds nothing here, and soon. */
	assert_within(held + number_in(stall_of(seen, "reclaim"), NULL, "sum_ns") / 1e3, pressure,
		      0.03);
	assert_nothing_lost(seen);
	json_decref(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reclaim_for_a_limit_is_timed, scene_teardown),
		cmocka_unit_test_teardown(who_dies_for_lack_of_memory_is_named, scene_teardown),
		cmocka_unit_test_teardown(memory_high_holds_back_as_long_as_pressure_says,
					  scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
