/* SPDX-License-Identifier: MIT */
/* What cpu, memory and io trace of limits at work, held against what the kernel itself counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fd.h"
#include "disk_of.h"
#include "loop_disk.h"
#include "scene_limit.h"

#define PERIOD_MS 50

static double number_in(const json_t *seen, const char *group, const char *name)
{
	double value = json_double_or(group ? json_object_get(seen, group) : seen, name, -1);

	if (value < 0)
		fail_msg("there is no %s.%s", group ? group : "", name);
	return value;
}

static double last_of(const json_t *seen, const char *series, const char *column)
{
	const json_t *values = json_object_get(json_object_get(seen, series), column);

	assert_true(json_array_size(values) > 0);
	return json_number_value(json_array_get(values, json_array_size(values) - 1));
}

static void assert_within(double seen, double truth, double share)
{
	if (fabs(seen - truth) > share * truth)
		fail_msg("%.0f is not within %.0f %% of %.0f", seen, 100 * share, truth);
}

static void assert_nothing_lost(const json_t *seen)
{
	const char *kind;
	json_t *n;

	json_object_foreach(json_object_get(seen, "lost"), kind, n)
	{
		if (json_integer_value(n) != 0)
			fail_msg("%s: %lld lost", kind, json_integer_value(n));
	}
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

#define MIB (1UL << 20)

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

static char file_path[64];

static void part_write(void)
{
	uint64_t end = clock_now_ns() + 3 * NS_PER_S;
	char buf[65536] = "";
	int fd = open(file_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	scene_stay_on_one_cpu();
	for (size_t done = 0; fd >= 0 && done < 64 * MIB; done += sizeof(buf)) {
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			_exit(1);
		if (done >= 32 * MIB && clock_now_ns() > end)
			break;
	}
	(void)unlink(file_path);
	(void)close(fd);
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
	(void)snprintf(file_path, sizeof(file_path), "/var/tmp/tare-test-reclaim-%d", getpid());
	seen = scene_watch("memory", CGROUP_BIT(CGROUP_MEMORY), limit_memory, part_write, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	stall = stall_of(seen, "reclaim");
	ns = json_u64_or(stall, "sum_ns", 0);
	assert_true(json_u64_or(stall, "n", 0) >= 1);
	assert_true(ns > 0 && ns < json_u64_or(seen, "wall_ns", UINT64_MAX));
	/* What was written and did not fit. */
	assert_true(json_u64_or(seen, "reclaimed_bytes", 0) >= 8 * MIB);
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
	assert_string_equal(json_string_or(victim, "comm", ""), "test_throttling");
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

/* Whom else a disk holds back, and how long it takes, would be in the figures. */
static struct loop_disk disk = {.loop.fd = -1};

static bool make_disk(void)
{
	struct cgroup_layout layout;
	struct tare_err err = {0};
	int r;

	scene_need(cgroup_layout_read(&layout, &err), &err);
	if (layout.controllers[CGROUP_IO].version == 0)
		return false;
	r = loop_disk_open(8 * MIB, &disk, &err);
	if (r != -ENOTSUP)
		scene_need(r, &err);
	return r == 0;
}

static int take_disk_down(void **state)
{
	loop_disk_close(&disk);
	return scene_teardown(state);
}

static void limit_write_to(const struct cgroup *cgroup, unsigned long bytes_per_s)
{
	char v1[64], v2[64];

	(void)snprintf(v1, sizeof(v1), "%s %lu", disk.number, bytes_per_s);
	(void)snprintf(v2, sizeof(v2), "%s wbps=%lu", disk.number, bytes_per_s);
	write_limit(cgroup, CGROUP_IO, "blkio.throttle.write_bps_device", v1, "io.max", v2);
}

static void limit_write(const struct cgroup *cgroup)
{
	limit_write_to(cgroup, 4 * MIB);
}

/* What the child knows of its writing, in memory of both. */
static struct {
	uint64_t wall_ns, cpu_ns;
} * known;

static void part_write_direct(void)
{
	int fd = open(disk.loop.path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *buf = mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t begin, cpu;

	if (fd < 0 || buf == MAP_FAILED)
		_exit(1);
	memset(buf, 1, 6 * MIB);
	cpu = scene_cpu_ns();
	begin = clock_now_ns();
	if (pwrite(fd, buf, 6 * MIB, 0) != (ssize_t)(6 * MIB))
		_exit(1);
	known->wall_ns = clock_now_ns() - begin;
	known->cpu_ns = scene_cpu_ns() - cpu;
}

/* What was let go had still to be served, at the latest after all was. */
static double rest_of(const json_t *seen)
{
	const json_t *device = json_object_get(json_object_get(seen, "devices"), disk.number);

	return number_in(seen, "request_wait", "sum_ns") +
	       number_in(json_object_get(device, "service"), "write", "sum_ns");
}

static void a_disk_s_limit_holds_back_as_long_as_the_writer_waits(void **state)
{
	double held, waited, rest, busy;
	struct collector *io, *sched;
	json_t *seen, *device, *queue;
	struct scene scene;

	(void)state;
	if (!make_disk())
		skip();
	scene_open(&scene, CGROUP_BIT(CGROUP_IO), limit_write);
	io = scene_attach(&scene, "io");
	sched = scene_attach(&scene, "sched");
	scene_start(&scene, part_write_direct);
	scene_play(&scene);
	seen = scene_read(io);
	queue = scene_read(sched);
	scene_close(&scene);
	assert_true(WIFEXITED(scene.status) && WEXITSTATUS(scene.status) == 0);
	device = json_object_get(json_object_get(seen, "devices"), disk.number);
	held = number_in(device, "held", "sum_ns");
	waited = (double)known->wall_ns;
	rest = rest_of(seen);
	/* When the disk was done with it, it may have had to wait for a CPU. */
	busy = (double)known->cpu_ns + number_in(queue, "queue", "sum_ns");
	assert_true(json_u64_or(json_object_get(device, "held"), "n", 0) >= 1);
	assert_true(held <= waited && held + rest + busy >= 0.97 * waited);
	if (json_object_get(seen, "pressure")) {
		double pressure = number_in(seen, "pressure", "some_us") * 1e3;

		assert_true(held <= 1.03 * pressure && held + rest >= 0.97 * pressure);
	}
	/* The disk itself was quick. */
	assert_true(rest > 0 && rest < held / 2);
	assert_true(number_in(device, NULL, "wbytes") >= (double)(6 * MIB));
	assert_nothing_lost(seen);
	json_decref(queue);
	json_decref(seen);
}

static void limit_neighbour(const struct cgroup *cgroup)
{
	limit_write_to(cgroup, MIB);
}

/* Until it is killed. */
static void part_write_on(void)
{
	int fd = open(disk.loop.path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *buf = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (fd >= 0 && buf != MAP_FAILED && pwrite(fd, buf, 4096, 7 * MIB) == 4096)
		;
}

/* Whoever is held back on the disk already keeps its timer, which our own then need not start. */
static void a_disk_s_limit_is_seen_beside_another_group_s(void **state)
{
	struct scene neighbour;
	json_t *seen, *device;
	double held, waited;
	int status;

	(void)state;
	if (!make_disk())
		skip();
	scene_open(&neighbour, CGROUP_BIT(CGROUP_IO), limit_neighbour);
	scene_start(&neighbour, part_write_on);
	assert_int_equal(write(neighbour.to_child, "g", 1), 1);
	seen = scene_watch("io", CGROUP_BIT(CGROUP_IO), limit_write, part_write_direct, &status);
	assert_int_equal(waitpid(neighbour.pid, NULL, WNOHANG), 0);
	scene_close(&neighbour);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	device = json_object_get(json_object_get(seen, "devices"), disk.number);
	held = number_in(device, "held", "sum_ns");
	waited = (double)known->wall_ns;
	assert_true(number_in(device, "held", "n") >= 1);
	/* The beginning is seen when the timer is started for the other. */
	assert_true(held <= waited && held >= 0.5 * waited);
	json_decref(seen);
}

static char files_disk[32];

/* On a disk whose I/O is controlled; false: it cannot be had. */
static bool make_file(void)
{
	int fd;
	bool is;

	(void)snprintf(file_path, sizeof(file_path), "/var/tmp/tare-test-disk-%d", getpid());
	fd = open(file_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	is = disk_of(file_path, files_disk, sizeof(files_disk));
	(void)close(fd);
	if (!is)
		(void)unlink(file_path);
	return is;
}

static void limit_memory_of_writers(const struct cgroup *cgroup)
{
	char v2[64];

	(void)snprintf(v2, sizeof(v2), "%s wbps=%lu", files_disk, 32 * MIB);
	write_limit(cgroup, CGROUP_MEMORY, NULL, NULL, "memory.max", "32M");
	write_limit(cgroup, CGROUP_IO, NULL, NULL, "io.max", v2);
}

static void writers_of_dirty_pages_are_paused(void **state)
{
	struct cgroup_layout layout;
	struct tare_err err = {0};
	json_t *seen, *pauses;
	double ratio;
	int status;

	(void)state;
	scene_need(cgroup_layout_read(&layout, &err), &err);
	/* Only in v2 a group has dirty pages of its own. */
	if (layout.controllers[CGROUP_MEMORY].version != 2 ||
	    layout.controllers[CGROUP_IO].version != 2 || !make_file())
		skip();
	seen = scene_watch("io", CGROUP_BIT(CGROUP_IO) | CGROUP_BIT(CGROUP_MEMORY),
			   limit_memory_of_writers, part_write, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	pauses = json_object_get(seen, "dirty_pauses");
	assert_true(json_u64_or(pauses, "n", 0) > 10);
	/* The writer waited for little else. After a pause it waits for a CPU, of which pressure on
	 * I/O does not know; and that knows of waits for the disk too. */
	ratio = number_in(pauses, NULL, "sum_ns") / 1e3 / number_in(seen, "pressure", "some_us");
	assert_true(ratio > 1 / 3.0 && ratio < 3);
	assert_nothing_lost(seen);
	json_decref(seen);
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

static int share_memory(void **state)
{
	(void)state;
	known = mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	return known == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_period_of_a_spinner_is_seen, scene_teardown),
		cmocka_unit_test_teardown(each_period_of_three_spinners_is_seen, scene_teardown),
		cmocka_unit_test_teardown(reclaim_for_a_limit_is_timed, scene_teardown),
		cmocka_unit_test_teardown(who_dies_for_lack_of_memory_is_named, scene_teardown),
		cmocka_unit_test_teardown(memory_high_holds_back_as_long_as_pressure_says,
					  scene_teardown),
		cmocka_unit_test_teardown(a_disk_s_limit_holds_back_as_long_as_the_writer_waits,
					  take_disk_down),
		cmocka_unit_test_teardown(a_disk_s_limit_is_seen_beside_another_group_s,
					  take_disk_down),
		cmocka_unit_test_teardown(who_is_not_named_only_reads_files, scene_teardown),
		cmocka_unit_test_teardown(writers_of_dirty_pages_are_paused, scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, share_memory, NULL) : 77;
}
