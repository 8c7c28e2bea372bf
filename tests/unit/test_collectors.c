/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "common/names.h"
#include "common/statfile.h"
#include "disk_of.h"
#include "scene_limit.h"

#define MIB (1UL << 20)

static uint64_t number_in(const json_t *seen, const char *group, const char *name)
{
	return json_u64_or(group ? json_object_get(seen, group) : seen, name, UINT64_MAX);
}

static void a_key_is_matched_whole_at_the_start_of_a_line(void **state)
{
	const char *text = "oom_kill_disable 7\nunder_oom 0\noom_kill 3\nmax max\nbad x\n";
	const char *psi = "some avg10=0.00 avg60=1.00 total=123\nfull avg10=0.00 total=45\n";
	uint64_t value = 99;

	(void)state;
	assert_true(statfile_find(text, "oom_kill", &value));
	assert_int_equal(value, 3);
	assert_false(statfile_find(text, "oom", &value));
	assert_false(statfile_find(text, "bad", &value));
	assert_false(statfile_find("", "oom", &value));
	assert_true(statfile_find(text, "max", &value));
	assert_true(value == UINT64_MAX);
	assert_true(statfile_find("42\n", NULL, &value));
	assert_int_equal(value, 42);
	assert_true(statfile_find(psi, "some total", &value));
	assert_int_equal(value, 123);
	assert_true(statfile_find(psi, "full total", &value));
	assert_int_equal(value, 45);
	assert_false(statfile_find(psi, "some otal", &value));
	assert_false(statfile_find("full total=1\n", "some total", &value));
	assert_false(statfile_find("99999999999999999999\n", NULL, &value));
}

static void collectors_are_found_by_name_with_their_argument(void **state)
{
	const struct collector_ops *ops = NULL;
	const char *argument = "unset";
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(collector_find("cpu", &ops, &argument, &err), 0);
	assert_string_equal(ops->name, "cpu");
	assert_null(argument);
	assert_int_equal(collector_find("counters=cycles+page-faults", &ops, &argument, &err), 0);
	assert_string_equal(ops->name, "counters");
	assert_string_equal(argument, "cycles+page-faults");
	assert_int_equal(collector_find("syscals", &ops, &argument, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean 'syscalls'?"));
}

static void arguments_are_looked_at_before_anything_begins(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"sched=all", "takes no argument"},
		{"syscalls=fast", "'exact' or 'sampled'"},
		{"syscalls=", "'exact' or 'sampled'"},
		{"counters=a++b", "an event is missing"},
		{"counters=cycles:page-faults", "joined by '+'"},
	};
	const struct collector_ops *ops = NULL;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(collector_check("syscalls=sampled", &ops, &err), 0);
	assert_string_equal(ops->name, "syscalls");
	assert_int_equal(collector_check("sched", &ops, &err), 0);
	/* Another machine may know it. */
	assert_int_equal(collector_check("counters=no_such_event", &ops, &err), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tare_err why = {0};

		assert_int_equal(collector_check(wrong[i].text, &ops, &why), -EINVAL);
		assert_non_null(strstr(why.msg, wrong[i].why));
	}
}

static void every_collector_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; collector_ops_table[i]; i++) {
		const struct collector_ops *ops = collector_ops_table[i];

		assert_non_null(ops->name);
		assert_non_null(ops->summary);
		assert_null(strchr(ops->summary, '\n'));
		assert_true(ops->probe && ops->attach && ops->snapshot && ops->read && ops->detach);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(collector_ops_table[j]->name, ops->name);
	}
}

static void calls_and_errors_have_names(void **state)
{
	char buf[NAMES_SIZE];

	(void)state;
	assert_string_equal(names_syscall(SYS_getppid, buf, sizeof(buf)), "getppid");
	assert_string_equal(names_syscall(511, buf, sizeof(buf)), "syscall_511");
	assert_string_equal(names_errno(EAGAIN, buf, sizeof(buf)), "EAGAIN");
	assert_string_equal(names_errno(512, buf, sizeof(buf)), "ERESTARTSYS");
	assert_string_equal(names_errno(600, buf, sizeof(buf)), "errno_600");
}

static void limit_cpu(const struct cgroup *cgroup)
{
	write_limit(cgroup, CGROUP_CPU, "cpu.cfs_period_us", "50000", "cpu.max", "10000 50000");
	if (cgroup_controller_fd(cgroup, CGROUP_CPU, NULL) >= 0)
		write_limit(cgroup, CGROUP_CPU, "cpu.cfs_quota_us", "10000", "cpu.max",
			    "10000 50000");
}

static void part_spin(void)
{
	uint64_t end = clock_now_ns() + 600 * NS_PER_MS;

	while (clock_now_ns() < end)
		;
}

/* Field 1 of schedstat: how long it has had a CPU (sched-stats.rst). */
static uint64_t ran_ns(pid_t pid)
{
	char path[64], text[128];

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	assert_true(fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) > 0);
	return strtoull(text, NULL, 10);
}

static void a_throttled_spinner_shows_in_the_cpu_collector(void **state)
{
	struct scene scene;
	struct collector *cpu;
	struct tare_err err = {0};
	uint64_t usage, ran, wall_us, throttled, last = 0;
	json_t *seen, *series, *value;
	size_t i;
	char byte;

	(void)state;
	scene_open(&scene, CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT), limit_cpu);
	cpu = scene_attach(&scene, "cpu");
	scene_start(&scene, part_spin);
	scene_settle(&scene);
	ran = ran_ns(scene.pid);
	scene_snapshot(&scene, COLLECTOR_BEGIN);
	assert_int_equal(write(scene.to_child, "g", 1), 1);
	for (i = 0; i < 10; i++) {
		(void)usleep(50000);
		scene_need(cpu->ops->sample(cpu, clock_now_ns(), &err), &err);
	}
	assert_int_equal(read(scene.from_child, &byte, 1), 1);
	scene_settle(&scene);
	scene_snapshot(&scene, COLLECTOR_END);
	ran = (ran_ns(scene.pid) - ran) / 1000;
	scene_end(&scene);

	seen = scene_read(cpu);
	usage = number_in(seen, NULL, "usage_us");
	wall_us = number_in(seen, NULL, "wall_ns") / 1000;
	/* It slept at both ends, and nobody else is in the group. */
	assert_true(usage > 0);
	assert_in_range(usage, ran - 1, ran + 1);
	assert_true(number_in(seen, NULL, "user_us") + number_in(seen, NULL, "system_us") > 0);
	throttled = number_in(seen, NULL, "nr_throttled");
	/* On a busy machine others may leave it less than its quota. */
	assert_true(throttled > 0 || usage < wall_us / 5);
	assert_in_range(throttled, 0, number_in(seen, NULL, "nr_periods"));
	assert_in_range(number_in(seen, NULL, "nr_periods"), 2, 1000);
	assert_in_range(number_in(seen, NULL, "throttled_us"), throttled ? 1 : 0, wall_us * 64);
	series = json_object_get(json_object_get(seen, "series"), "usage_us");
	assert_int_equal(json_array_size(series), 10);
	assert_int_equal(json_array_size(json_object_get(json_object_get(seen, "series"), "t_ns")),
			 10);
	json_array_foreach(series, i, value)
	{
		assert_true((uint64_t)json_integer_value(value) >= last);
		last = (uint64_t)json_integer_value(value);
	}
	assert_true(last <= usage);
	json_decref(seen);
	scene_close(&scene);
}

static void limit_memory(const struct cgroup *cgroup)
{
	write_limit(cgroup, CGROUP_MEMORY, "memory.limit_in_bytes", "16M", "memory.max", "16M");
	/* Swapping would put the end off. */
	write_limit(cgroup, CGROUP_MEMORY, "memory.swappiness", "0", "memory.swap.max", "0");
}

static void part_fill_memory(void)
{
	size_t size = 64 * MIB;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		(void)madvise(p, size, MADV_NOHUGEPAGE); /* a fault for each page */
	for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
		((volatile char *)p)[i] = 1;
}

static void a_kill_for_lack_of_memory_shows_in_the_memory_collector(void **state)
{
	struct scene scene;
	struct collector *memory;
	json_t *seen;

	(void)state;
	scene_open(&scene, CGROUP_BIT(CGROUP_MEMORY), limit_memory);
	memory = scene_attach(&scene, "memory");
	scene_start(&scene, part_fill_memory);
	scene_play(&scene);
	assert_true(WIFSIGNALED(scene.status) && WTERMSIG(scene.status) == SIGKILL);
	seen = scene_read(memory);
	assert_int_equal(number_in(seen, "events", "oom_kill"), 1);
	assert_true(json_u64_or(json_object_get(seen, "events"), "failcnt", 0) +
			    json_u64_or(json_object_get(seen, "events"), "max", 0) >
		    0);
	assert_in_range(number_in(seen, NULL, "peak"), 12 * MIB, 16 * MIB);
	assert_in_range(number_in(seen, "stat", "pgfault"), 1000, 1000000);
	json_decref(seen);
	scene_close(&scene);
}

static void files_that_are_absent_are_left_out(void **state)
{
	struct scene scene;
	struct collector *cpu, *memory, *io;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	if (cgroup_controller_fd(scene.cgroup, CGROUP_MEMORY, NULL) >= 0) {
		scene_close(&scene);
		skip(); /* this system has it in every group */
	}
	cpu = scene_attach(&scene, "cpu");
	memory = scene_attach(&scene, "memory");
	io = scene_attach(&scene, "io");
	scene_start(&scene, part_spin);
	scene_play(&scene);
	seen = scene_read(memory);
	assert_null(json_object_get(seen, "current"));
	assert_null(json_object_get(seen, "events"));
	json_decref(seen);
	seen = scene_read(io);
	assert_null(json_object_get(seen, "devices"));
	json_decref(seen);
	/* Usage is kept for every v2 group; throttling only with the controller. */
	seen = scene_read(cpu);
	assert_in_range(number_in(seen, NULL, "usage_us"), 1,
			number_in(seen, NULL, "wall_ns") / 1000 + 100000);
	assert_null(json_object_get(seen, "nr_throttled"));
	json_decref(seen);
	scene_close(&scene);
}

static char io_path[64];

static void part_write_direct(void)
{
	int fd = open(io_path, O_WRONLY | O_DIRECT);
	void *buf = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd >= 0 && buf != MAP_FAILED)
		(void)!pwrite(fd, buf, 4 * MIB, 0);
}

static char io_rule[64];

/* A limit that is never met: since 6.10 the v1 accounts begin with the first rule. */
static void limit_io(const struct cgroup *cgroup)
{
	char v2[96];

	(void)snprintf(v2, sizeof(v2), "%.30s wbps=10737418240", io_rule);
	(void)snprintf(io_rule + strlen(io_rule), sizeof(io_rule) - strlen(io_rule),
		       " 10737418240");
	write_limit(cgroup, CGROUP_IO, "blkio.throttle.write_bps_device", io_rule, "io.max", v2);
}

static void bytes_written_to_a_disk_show_in_the_io_collector(void **state)
{
	struct cgroup_layout layout;
	struct tare_err err = {0};
	struct scene scene;
	struct collector *io;
	char disk[32];
	json_t *seen;
	int fd;

	(void)state;
	(void)snprintf(io_path, sizeof(io_path), "/var/tmp/tare-test-io-%d", getpid());
	fd = open(io_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	scene_need(cgroup_layout_read(&layout, &err), &err);
	if (!disk_of(io_path, disk, sizeof(disk)) || layout.controllers[CGROUP_IO].version == 0 ||
	    fallocate(fd, 0, 0, 4 * MIB) < 0) {
		(void)close(fd);
		(void)unlink(io_path);
		skip();
	}
	(void)snprintf(io_rule, sizeof(io_rule), "%s", disk);
	scene_open(&scene, CGROUP_BIT(CGROUP_IO), limit_io);
	io = scene_attach(&scene, "io");
	scene_start(&scene, part_write_direct);
	scene_play(&scene);
	(void)close(fd);
	(void)unlink(io_path);
	seen = scene_read(io);
	assert_in_range(number_in(json_object_get(seen, "devices"), disk, "wbytes"), 4 * MIB,
			8 * MIB);
	assert_in_range(number_in(json_object_get(seen, "devices"), disk, "wios"), 1, 2048);
	json_decref(seen);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_key_is_matched_whole_at_the_start_of_a_line,
					  scene_teardown),
		cmocka_unit_test_teardown(collectors_are_found_by_name_with_their_argument,
					  scene_teardown),
		cmocka_unit_test_teardown(arguments_are_looked_at_before_anything_begins,
					  scene_teardown),
		cmocka_unit_test_teardown(every_collector_is_whole, scene_teardown),
		cmocka_unit_test_teardown(calls_and_errors_have_names, scene_teardown),
		cmocka_unit_test_teardown(a_throttled_spinner_shows_in_the_cpu_collector,
					  scene_teardown),
		cmocka_unit_test_teardown(a_kill_for_lack_of_memory_shows_in_the_memory_collector,
					  scene_teardown),
		cmocka_unit_test_teardown(files_that_are_absent_are_left_out, scene_teardown),
		cmocka_unit_test_teardown(bytes_written_to_a_disk_show_in_the_io_collector,
					  scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
