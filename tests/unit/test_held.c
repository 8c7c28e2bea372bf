/* SPDX-License-Identifier: MIT */
/* What io traces of writers that a limit holds back, held against what they and the kernel know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "disk_of.h"
#include "loop_disk.h"
#include "trace_scene.h"

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

/* Whose time is taken for ours goes on to be held back meanwhile. */
static void part_write_and_rest(void)
{
	part_write_direct();
	(void)usleep((useconds_t)(known->wall_ns / 1000));
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
	seen = scene_watch("io", CGROUP_BIT(CGROUP_IO), limit_write, part_write_and_rest, &status);
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

static void part_write(void)
{
	known->cpu_ns = scene_cpu_ns();
	write_file(clock_now_ns() + 3 * NS_PER_S);
	known->cpu_ns = scene_cpu_ns() - known->cpu_ns;
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
	json_t *seen, *queue, *pauses, *off;
	struct collector *io, *sched;
	struct scene scene;
	double paused;

	(void)state;
	scene_need(cgroup_layout_read(&layout, &err), &err);
	/* Only in v2 a group has dirty pages of its own. */
	if (layout.controllers[CGROUP_MEMORY].version != 2 ||
	    layout.controllers[CGROUP_IO].version != 2 ||
	    !disk_of(FILES_FOLDER, files_disk, sizeof(files_disk)))
		skip();
	scene_open(&scene, CGROUP_BIT(CGROUP_IO) | CGROUP_BIT(CGROUP_MEMORY),
		   limit_memory_of_writers);
	io = scene_attach(&scene, "io");
	sched = scene_attach(&scene, "sched");
	scene_start(&scene, part_write);
	scene_play(&scene);
	seen = scene_read(io);
	queue = scene_read(sched);
	scene_close(&scene);
	assert_true(WIFEXITED(scene.status) && WEXITSTATUS(scene.status) == 0);
	pauses = json_object_get(seen, "dirty_pauses");
	paused = number_in(pauses, NULL, "sum_ns");
	off = json_object_get(queue, "off_cpu");
	assert_true(json_u64_or(pauses, "n", 0) > 10);
	/* It is off the CPU for that, and may be on its way there for some time. */
	assert_true(number_in(pauses, NULL, "n") <=
		    number_in(off, "iowait", "n") + number_in(off, "preempted", "n"));
	assert_true(paused <= number_in(off, "iowait", "sum_ns") +
				      number_in(off, "preempted", "sum_ns") +
				      (double)known->cpu_ns);
	/* The writer waited for little else, but pressure knows of waits for the disk too. */
	assert_true(paused >= number_in(seen, "pressure", "some_us") * 1e3 / 3);
	assert_nothing_lost(seen);
	json_decref(queue);
	json_decref(seen);
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
		cmocka_unit_test_teardown(a_disk_s_limit_holds_back_as_long_as_the_writer_waits,
					  take_disk_down),
		cmocka_unit_test_teardown(a_disk_s_limit_is_seen_beside_another_group_s,
					  take_disk_down),
		cmocka_unit_test_teardown(writers_of_dirty_pages_are_paused, scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, share_memory, NULL) : 77;
}
