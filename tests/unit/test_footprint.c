/* SPDX-License-Identifier: MIT */
/* What the collector `footprint` adds up, and what it says it could not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "scene.h"

static uint64_t number_in(const json_t *seen, const char *group, const char *name)
{
	return json_u64_or(group ? json_object_get(seen, group) : seen, name, UINT64_MAX);
}

#define HELD (32UL << 20)

/* Two processes that share what the first has written, and what each has written itself. */
static void part_hold(void)
{
	char *shared = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *own = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t other;

	memset(shared, 1, HELD);
	other = fork();
	if (other == 0) {
		for (size_t i = 0; i < HELD; i += 4096)
			(void)*(volatile char *)(shared + i);
		(void)pause();
	}
	memset(own, 1, HELD);
	scene_await_sleep(other); /* it has looked at all of it */
}

static void a_footprint_counts_shared_memory_once(void **state)
{
	struct collector *collector;
	struct scene scene;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "footprint");
	scene_start(&scene, part_hold);
	scene_play(&scene);
	seen = scene_read(collector);
	scene_close(&scene);
	assert_int_equal(number_in(seen, NULL, "processes"), 2);
	assert_int_equal(number_in(seen, NULL, "threads"), 2);
	assert_int_equal(number_in(seen, "lost", "unreadable"), 0);
	assert_int_equal(number_in(seen, "lost", "groups"), 0);
	/* And a few MiB of programs. */
	assert_in_range(number_in(seen, NULL, "pss"), 2 * HELD, 2 * HELD + (8UL << 20));
	assert_in_range(number_in(seen, NULL, "rss"), 3 * HELD, 3 * HELD + (32UL << 20));
	assert_in_range(number_in(seen, NULL, "private"), HELD, HELD + (8UL << 20));
	assert_true(number_in(seen, NULL, "virtual") >= number_in(seen, NULL, "rss"));
	json_decref(seen);
}

#define GROUPS_BELOW 18 /* one of them too deep to be looked at, and one below that */

/* "g/g/g" and so on below the scene's group, made or removed. */
static void change_groups_below(const struct scene *scene, bool make)
{
	char path[2 * GROUPS_BELOW + 1] = "";

	for (int i = 0; i < GROUPS_BELOW; i++) {
		memset(path, 0, sizeof(path));
		for (int k = 0; k <= (make ? i : GROUPS_BELOW - 1 - i); k++)
			(void)strcat(path, k ? "/g" : "g");
		assert_int_equal(make ? mkdirat(cgroup_v2_fd(scene->cgroup), path, 0755)
				      : unlinkat(cgroup_v2_fd(scene->cgroup), path, AT_REMOVEDIR),
				 0);
	}
}

static void a_footprint_tells_what_it_did_not_look_through(void **state)
{
	struct collector *collector;
	struct scene scene;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "footprint");
	/* Has no list of its own, and loses nothing by it. */
	assert_int_equal(mkdirat(cgroup_v2_fd(scene.cgroup), "threaded", 0755), 0);
	assert_int_equal(
		fd_write_file(cgroup_v2_fd(scene.cgroup), "threaded/cgroup.type", "threaded", NULL),
		0);
	change_groups_below(&scene, true);
	scene_start(&scene, part_hold);
	scene_play(&scene);
	seen = scene_read(collector);
	change_groups_below(&scene, false);
	(void)unlinkat(cgroup_v2_fd(scene.cgroup), "threaded", AT_REMOVEDIR);
	scene_close(&scene);
	assert_int_equal(number_in(seen, NULL, "processes"), 2);
	assert_int_equal(number_in(seen, "lost", "groups"), 1);
	json_decref(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_footprint_counts_shared_memory_once, scene_teardown),
		cmocka_unit_test_teardown(a_footprint_tells_what_it_did_not_look_through,
					  scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
