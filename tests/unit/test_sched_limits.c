/* SPDX-License-Identifier: MIT */
/* How long the collector `sched` sees tasks held up by limits on memory and on block I/O, held
 * against what the kernel and the tasks themselves say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "common/statfile.h"
#include "disk_of.h"
#include "scene_limit.h"

#define MIB (1UL << 20)

/* What the child has measured, in memory of both. */
static struct {
	uint64_t wall_ns, cpu_ns;
} * known;

static uint64_t off_ns(const json_t *seen, const char *cause)
{
	return json_u64_or(json_object_get(json_object_get(seen, "off_cpu"), cause), "sum_ns", 0);
}

static void limit_memory(const struct cgroup *cgroup)
{
	int version = 0, fd = cgroup_controller_fd(cgroup, CGROUP_MEMORY, &version);

	if (version != 2)
		return;
	assert_int_equal(fd_write_file(fd, "memory.high", "16M", NULL), 0);
	assert_int_equal(fd_write_file(fd, "memory.swap.max", "0", NULL), 0);
}

/* Beyond the mark each further page is waited for. On one CPU: the pressure file weighs what it has
 * of several (collect_percpu_times, kernel/sched/psi.c). */
static void part_exceed(void)
{
	size_t size = 35 * MIB / 2;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	scene_stay_on_one_cpu();

	if (p == MAP_FAILED)
		return;
	(void)madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)p)[i] = 1;
	known->cpu_ns = scene_cpu_ns();
}

static void being_slowed_by_memory_high_is_what_the_pressure_file_says(void **state)
{
	struct collector *collector;
	uint64_t stalled_us = 0;
	struct scene scene;
	char text[512];
	json_t *seen;
	double by_file, by_sched;
	int version = 0, fd;

	(void)state;
	scene_open(&scene, CGROUP_BIT(CGROUP_MEMORY), limit_memory);
	fd = cgroup_controller_fd(scene.cgroup, CGROUP_MEMORY, &version);
	if (version != 2 || fd_read_file_quiet(fd, "memory.pressure", text, sizeof(text)) < 0) {
		scene_close(&scene);
		print_message("skipped: no memory.high or no pressure to read here\n");
		skip();
	}
	collector = scene_attach(&scene, "sched");
	scene_start(&scene, part_exceed);
	scene_play(&scene);
	seen = scene_read(collector);
	assert_true(fd_read_file_quiet(fd, "memory.pressure", text, sizeof(text)) > 0);
	scene_close(&scene);
	assert_true(statfile_find(text, "some total", &stalled_us));
	by_file = (double)stalled_us * 1e3;
	by_sched = (double)off_ns(seen, "memstall");
	json_decref(seen);
	print_message("memory.high: pressure %.0f ms, off CPU %.0f ms\n", by_file / 1e6,
		      by_sched / 1e6);
	assert_true(by_file > 0);
	assert_true(by_sched <= 1.03 * by_file);
	/* The file also has the reclaim that is done meanwhile, on the CPU. */
	assert_true(by_sched + (double)known->cpu_ns >= 0.97 * by_file);
	assert_true(by_sched >= 0.8 * by_file);
}

static char io_path[64], io_disk[32];

static void limit_io(const struct cgroup *cgroup)
{
	char v1[64], v2[64];

	(void)snprintf(v1, sizeof(v1), "%s 2097152", io_disk);
	(void)snprintf(v2, sizeof(v2), "%s wbps=2097152", io_disk);
	write_limit(cgroup, CGROUP_IO, "blkio.throttle.write_bps_device", v1, "io.max", v2);
}

static void part_write(void)
{
	int fd = open(io_path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	void *buf = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t begin = clock_now_ns(), cpu = scene_cpu_ns();

	if (fd < 0 || buf == MAP_FAILED)
		return;
	for (unsigned int i = 0; i < 3; i++)
		(void)!pwrite(fd, buf, MIB, i * MIB);
	known->wall_ns = clock_now_ns() - begin;
	known->cpu_ns = scene_cpu_ns() - cpu;
}

/* A file on a disk that can be limited; -1: there is none. */
static int make_file(void)
{
	struct cgroup_layout layout;
	struct tare_err err = {0};
	int fd;

	(void)snprintf(io_path, sizeof(io_path), "/var/tmp/tare-test-io-%d", getpid());
	fd = open(io_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	scene_need(cgroup_layout_read(&layout, &err), &err);
	if (disk_of(io_path, io_disk, sizeof(io_disk)) &&
	    layout.controllers[CGROUP_IO].version != 0 && fallocate(fd, 0, 0, 3 * MIB) == 0)
		return fd;
	(void)close(fd);
	(void)unlink(io_path);
	return -1;
}

static void being_held_up_by_a_throttled_disk_is_waiting_for_io(void **state)
{
	struct collector *collector;
	struct scene scene;
	uint64_t waited, idle;
	json_t *seen;
	int fd = make_file();

	(void)state;
	if (fd < 0)
		skip();
	memset(known, 0, sizeof(*known));
	scene_open(&scene, CGROUP_BIT(CGROUP_IO), limit_io);
	collector = scene_attach(&scene, "sched");
	scene_start(&scene, part_write);
	scene_play(&scene);
	(void)close(fd);
	(void)unlink(io_path);
	seen = scene_read(collector);
	scene_close(&scene);
	waited = off_ns(seen, "iowait");
	idle = known->wall_ns - known->cpu_ns;
	print_message("throttled disk: %.0f of %.0f ms not on a CPU, waited %.0f ms\n",
		      (double)idle / 1e6, (double)known->wall_ns / 1e6, (double)waited / 1e6);
	assert_true(known->wall_ns > known->cpu_ns);
	/* The rest is the kernel's work on the writes, and what others had of the CPU. */
	assert_true((double)(waited + off_ns(seen, "preempted")) >= 0.95 * (double)idle);
	assert_in_range(waited, known->wall_ns / 2, known->wall_ns);
	json_decref(seen);
}

static int share_memory(void **state)
{
	void *p = mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	(void)state;
	known = p;
	return p == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			being_slowed_by_memory_high_is_what_the_pressure_file_says, scene_teardown),
		cmocka_unit_test_teardown(being_held_up_by_a_throttled_disk_is_waiting_for_io,
					  scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, share_memory, NULL) : 77;
}
