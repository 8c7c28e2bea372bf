/* SPDX-License-Identifier: MIT */
/* What makes a trial no good, who says so, and what becomes of its set. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/store.h"
#include "engine/validity.h"
#include "engine_scene.h"

static int count_void(const json_t *record, size_t line, void *context)
{
	size_t *n = context;
	const char *why = json_string_or(json_object_get(record, "validity"), "void", NULL);

	(void)line;
	n[0]++;
	n[1] += strcmp(json_string_or(record, "status", ""), "void") == 0;
	n[2] += why && strcmp(why, DRIFT) == 0;
	return 0;
}

/* The whole set is void, and is played again in a new guest. */
static void a_guest_whose_clock_strays_voids_its_set(void **state)
{
	struct engine_result r;
	size_t n[3] = {0};

	(void)state;
	wrong_clocks = 1;
	r = carry_out(1, false, false);
	assert_int_equal(r.voided, 2);
	assert_int_equal(r.trials, 4);
	assert_string_equal(r.end, "complete");
	assert_string_equal(only(asked, "OFC"), "OFCOFC");
	assert_int_equal(store_each(run_dir, count_void, n, NULL, NULL), 0);
	assert_int_equal(n[0], 4);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
}

static const char *void_of(const char *collectors)
{
	static char why[128];
	cleanup_json json_t *validity = json_pack("{s:[]}", "disturbed");
	cleanup_json json_t *seen = json_loads(collectors, 0, NULL);

	assert_non_null(seen);
	validity_add_losses(validity, seen);
	(void)snprintf(why, sizeof(why), "%s", json_string_or(validity, "void", ""));
	assert_int_equal(json_array_size(json_object_get(validity, "disturbed")), why[0] != 0);
	return why;
}

static void losses_beyond_a_percent_void_a_trial(void **state)
{
	(void)state;
	assert_string_equal(void_of("{\"syscalls\": {\"calls\": {\"read\": {\"count\": 60},"
				    "\"write\": {\"count\": 38}}, \"lost\": {\"drops\": 1,"
				    "\"recursion_misses\": 1, \"in_flight\": 0}}}"),
			    "collector syscalls may have lost 2.0 % of what it follows");
	assert_string_equal(void_of("{\"syscalls\": {\"calls\": {\"read\": {\"count\": 99}},"
				    "\"lost\": {\"drops\": 1, \"in_flight\": 50}}}"),
			    "");
	assert_string_equal(void_of("{\"sched\": {\"switches\": 10, \"lost\":"
				    "{\"create_failed\": 1}}}"),
			    "collector sched may have lost 9.1 % of what it follows");
	assert_string_equal(void_of("{\"kvm\": {\"n_exits\": 50, \"n_user\": 40, \"emulated\": 6,"
				    "\"lost\": {\"no_room\": 4, \"in_flight\": 9}}}"),
			    "collector kvm may have lost 4.0 % of what it follows");
	/* A series' points are no events. */
	assert_string_equal(void_of("{\"cpu\": {\"lost\": {\"points\": 7}}}"), "");
	/* A guest's words may be anything. */
	assert_string_equal(void_of("{\"sched\": {\"switches\": \"x\", \"lost\": [1]}, \"a\": 3}"),
			    "");
}

static void a_guest_that_was_told_of_steal_says_so(void **state)
{
	cleanup_json json_t *validity = json_pack("{s:[]}", "disturbed");
	cleanup_json json_t *little = json_pack("{s:i, s:i}", "steal_us", 5, "wall_ns", 1000000);
	cleanup_json json_t *much = json_pack("{s:i, s:i}", "steal_us", 30, "wall_ns", 1000000);
	const json_t *said = json_object_get(validity, "disturbed");

	(void)state;
	validity_add_stolen(validity, NULL);
	validity_add_stolen(validity, little);
	assert_int_equal(json_array_size(said), 0);
	validity_add_stolen(validity, much);
	assert_string_equal(json_string_value(json_array_get(said, 0)),
			    "the guest's kernel was told of 3.0 % steal");
	assert_null(json_object_get(validity, "void"));
}

static void put_number(int dir_fd, const char *name, const char *number)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, number, strlen(number)), strlen(number));
}

/* This machine may know neither. */
static void what_the_kernel_knows_of_a_cpus_speed_is_read(void **state)
{
	cleanup_close int cpu_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cpu_speed speed;

	(void)state;
	cpu_speed_read(-1, &speed);
	assert_false(speed.knows_khz || speed.knows_throttled);
	cpu_speed_read(cpu_fd, &speed);
	assert_false(speed.knows_khz || speed.knows_throttled);
	assert_int_equal(mkdirat(cpu_fd, "cpufreq", 0700), 0);
	assert_int_equal(mkdirat(cpu_fd, "thermal_throttle", 0700), 0);
	put_number(cpu_fd, "cpufreq/scaling_cur_freq", "2400000\n");
	put_number(cpu_fd, "thermal_throttle/core_throttle_count", "17\n");
	cpu_speed_read(cpu_fd, &speed);
	assert_true(speed.knows_khz && speed.knows_throttled);
	assert_int_equal(speed.khz, 2400000);
	assert_int_equal(speed.throttled, 17);
}

static void a_clock_that_never_holds_stays_marked(void **state)
{
	struct engine_result r;
	size_t n[3] = {0};

	(void)state;
	wrong_clocks = 100;
	r = carry_out(1, false, false);
	assert_int_equal(r.voided, 4);
	assert_int_equal(r.trials, 6);
	assert_int_equal(store_each(run_dir, count_void, n, NULL, NULL), 0);
	assert_int_equal(n[2], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_guest_whose_clock_strays_voids_its_set),
		cmocka_unit_test(losses_beyond_a_percent_void_a_trial),
		cmocka_unit_test(a_guest_that_was_told_of_steal_says_so),
		IN_FOLDER(what_the_kernel_knows_of_a_cpus_speed_is_read),
		IN_FOLDER(a_clock_that_never_holds_stays_marked),
	};

	return cmocka_run_group_tests_name("validity", tests, NULL, NULL);
}
