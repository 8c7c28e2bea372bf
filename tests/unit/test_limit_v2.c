/* SPDX-License-Identifier: MIT */
/* What is written to a version 2 hierarchy: a made folder, since few machines have both. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "limit/limit.h"

#define ALL                                                                                        \
	(CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT) | CGROUP_BIT(CGROUP_CPUSET) |         \
	 CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS) | CGROUP_BIT(CGROUP_IO))

static char folder[] = "/tmp/tare-unit-XXXXXX";
static struct cgroup_layout layout;

static void put(int dirfd, const char *file, const char *text)
{
	cleanup_close int fd = openat(dirfd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static void holds(int dirfd, const char *file, const char *text)
{
	char now[256];

	assert_true(fd_read_file(dirfd, file, now, sizeof(now), NULL) >= 0);
	assert_string_equal(now, text);
}

static struct cgroup *make(int *ret_fd)
{
	static const char *const files[] = {"cpu.max", "cpuset.cpus",     "memory.max",  "pids.max",
					    "io.max",  "memory.swap.max", "cgroup.procs"};
	struct tare_err err = {0};
	struct cgroup *cgroup = NULL;

	if (cgroup_create(&layout, "tare-v2", ALL, NULL, &cgroup, &err) < 0)
		fail_msg("%s", err.msg);
	*ret_fd = cgroup_v2_fd(cgroup);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(*ret_fd, files[i], "");
	return cgroup;
}

static void drop(struct cgroup *cgroup)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/tare-v2", folder);
	assert_int_equal(fd_remove_tree(path, NULL), 0);
	assert_int_equal(cgroup_destroy(cgroup, NULL), 0);
}

static void missing_controllers_are_enabled_above(void **state)
{
	struct cgroup *cgroup;
	int fd, top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	put(top, "cgroup.subtree_control", "cpuset cpu io pids");
	cgroup = make(&fd);
	/* A made file keeps what lay behind the one write: "+memory" over "cpuset ". */
	holds(top, "cgroup.subtree_control", "+memorycpu io pids");
	drop(cgroup);
	put(top, "cgroup.subtree_control", "cpuset cpu io memory pids\n");
	cgroup = make(&fd);
	holds(top, "cgroup.subtree_control", "cpuset cpu io memory pids\n");
	drop(cgroup);
	(void)close(top);
}

static void each_controller_is_served_by_the_one_directory(void **state)
{
	struct cgroup *cgroup;
	int fd, version = 0;

	(void)state;
	cgroup = make(&fd);
	for (size_t i = CGROUP_CPU; i <= CGROUP_IO; i++) {
		assert_int_equal(cgroup_controller_fd(cgroup, (enum cgroup_controller)i, &version),
				 fd);
		assert_int_equal(version, 2);
	}
	assert_int_equal(cgroup_controller_fd(cgroup, CGROUP_FREEZER, NULL), -1);
	assert_int_equal(cgroup_join_v1_self(cgroup), 0);
	assert_int_equal(cgroup_join(cgroup, 4711, NULL), 0);
	holds(fd, "cgroup.procs", "4711");
	drop(cgroup);
}

static void plain_numbers_are_written_and_read_back(void **state)
{
	static const char *const files[] = {"cpu.weight", "cpu.max.burst", "memory.low",
					    "memory.min", "memory.high",   "memory.oom.group",
					    "io.weight"};
	struct limits limits = {.cpus = 0.5,
				.cpu_period_us = 20000,
				.cpu_burst_us = 5000,
				.cpu_shares = 262144,
				.memory_bytes = 64U << 20,
				.memory_swap = 96U << 20,
				.memory_reservation = (16U << 20) + 1,
				.memory_min = 8U << 20,
				.memory_high = 32U << 20,
				.oom_group = 1,
				.blkio_weight = 10};
	struct tare_err err = {0};
	struct cgroup *cgroup;
	json_t *now = NULL, *asked;
	int fd;

	(void)state;
	cgroup = make(&fd);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(fd, files[i], "");
	if (limits_apply(&limits, cgroup, &err) < 0)
		fail_msg("%s", err.msg);
	holds(fd, "cpu.max", "10000 20000");
	holds(fd, "cpu.weight", "10000");
	holds(fd, "memory.swap.max", "33554432");
	holds(fd, "memory.low", "16777216");
	holds(fd, "io.weight", "1");
	/* As the kernel shows it. */
	put(fd, "io.weight", "default 1\n254:0 200\n");
	if (limits_read_back(&limits, cgroup, &now, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(json_object_del(now, "files"), 0);
	limits.memory_reservation = 16U << 20; /* whole pages */
	asked = limits_to_json(&limits);
	assert_true(json_equal(asked, now));
	json_decref(asked);
	json_decref(now);
	put(fd, "memory.high", "max\n");
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	put(fd, "io.weight", "default 10\n");
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	drop(cgroup);
}

static void what_makes_no_sense_alone_is_refused(void **state)
{
	const struct limits alone[] = {
		{.cpu_period_us = 10000},
		{.memory_swap = 1U << 20},
		{.memory_bytes = 2U << 20, .memory_swap = 1U << 20},
		{.cpus = 0.05, .cpu_period_us = 10000},
	};
	struct cgroup *cgroup;
	int fd;

	(void)state;
	cgroup = make(&fd);
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		assert_int_equal(limits_apply(&alone[i], cgroup, NULL), -EINVAL);
	drop(cgroup);
}

static void limits_are_written_as_version_2_wants_them(void **state)
{
	struct limits limits = {.cpus = 0.5, .cpuset = 1, .memory_bytes = 64U << 20, .pids = 10};
	struct tare_err err = {0};
	struct cgroup *cgroup;
	json_t *now = NULL, *asked;
	int fd;

	(void)state;
	cgroup = make(&fd);
	put(fd, "cpuset.cpus.effective", "0\n");
	if (limits_apply(&limits, cgroup, &err) < 0)
		fail_msg("%s", err.msg);
	holds(fd, "cpu.max", "50000 100000");
	holds(fd, "cpuset.cpus", "0");
	holds(fd, "memory.max", "67108864");
	holds(fd, "memory.swap.max", "0");
	holds(fd, "pids.max", "10");
	if (limits_read_back(&limits, cgroup, &now, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(json_string_value(json_object_get(json_object_get(now, "files"),
							      "memory/memory.swap.max")),
			    "0");
	assert_int_equal(json_object_del(now, "files"), 0);
	asked = limits_to_json(&limits);
	assert_true(json_equal(asked, now));
	json_decref(asked);
	json_decref(now);

	/* Set, but the group above leaves it other CPUs. */
	put(fd, "cpuset.cpus.effective", "0-1\n");
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	put(fd, "cpuset.cpus.effective", "0\n");
	put(fd, "cpu.max", "max 100000\n");
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	drop(cgroup);
}

static void io_max_is_read_by_device_and_key(void **state)
{
	struct limits limits = {0};
	struct tare_err err = {0};
	struct cgroup *cgroup;
	char line[256], number[64], *end;
	json_t *now = NULL;
	int fd;

	(void)state;
	assert_int_equal(limits_set(&limits, "device-write-bps", "/var/tmp:4M", NULL), 0);
	cgroup = make(&fd);
	if (limits_apply(&limits, cgroup, &err) == -ENOTSUP) {
		drop(cgroup); /* the folder is on no disk */
		skip();
	}
	assert_true(fd_read_file(fd, "io.max", number, sizeof(number), NULL) > 0);
	end = strstr(number, " wbps=4194304");
	assert_non_null(end);
	*end = '\0';
	(void)snprintf(line, sizeof(line),
		       "1%s rbps=max wbps=4194304\n%s rbps=1 wbps=4194304 riops=max wiops=max\n",
		       number, number);
	put(fd, "io.max", line);
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), 0);
	json_decref(now);
	/* Of another device, of another key, of none. */
	(void)snprintf(line, sizeof(line), "1%s wbps=4194304\n", number);
	put(fd, "io.max", line);
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	(void)snprintf(line, sizeof(line), "%s rbps=4194304\n1%s wbps=4194304\n", number, number);
	put(fd, "io.max", line);
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	put(fd, "io.max", "");
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), -ERANGE);
	drop(cgroup);
}

/* Whoever applies the limits says where its folder under test is. */
static void the_folder_under_test_names_its_disk(void **state)
{
	struct limits limits = {.work_dir = "/nowhere"};
	char number[32], text[64];
	struct tare_err err = {0};
	struct cgroup *cgroup;
	int fd;

	(void)state;
	if (limit_device_number("/", number, sizeof(number), NULL) < 0)
		skip();
	cgroup = make(&fd);
	assert_int_equal(limits_set(&limits, "device-read-iops", "/work:300", NULL), 0);
	assert_int_equal(limits_apply(&limits, cgroup, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "device '/nowhere'"));
	limits.work_dir = "/";
	assert_int_equal(limits_apply(&limits, cgroup, NULL), 0);
	(void)snprintf(text, sizeof(text), "%s riops=300", number);
	holds(fd, "io.max", text);
	drop(cgroup);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	layout.unified.version = 2;
	(void)snprintf(layout.unified.mount, sizeof(layout.unified.mount), "%s", folder);
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		layout.controllers[i] = layout.unified;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put(fd, "cgroup.subtree_control", "");
	return close(fd);
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_controllers_are_enabled_above),
		cmocka_unit_test(each_controller_is_served_by_the_one_directory),
		cmocka_unit_test(limits_are_written_as_version_2_wants_them),
		cmocka_unit_test(plain_numbers_are_written_and_read_back),
		cmocka_unit_test(what_makes_no_sense_alone_is_refused),
		cmocka_unit_test(io_max_is_read_by_device_and_key),
		cmocka_unit_test(the_folder_under_test_names_its_disk),
	};

	return cmocka_run_group_tests_name("limit_v2", tests, make_folder, remove_folder);
}
