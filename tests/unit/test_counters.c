/* SPDX-License-Identifier: MIT */
/* The collector `counters`: groups, both modes, what it says of events that do not count, and what
 * it counts beside other collectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include "perf/tracepoint.h"
#include "syscalls_scene.h"

static const json_t *event_of(const json_t *seen, const char *name)
{
	const json_t *event = json_object_get(json_object_get(seen, "events"), name);

	if (!event)
		(void)fprintf(stderr, "no event '%s'\n", name);
	assert_non_null(event);
	return event;
}

static uint64_t value_of(const json_t *seen, const char *name)
{
	const char *why = json_string_or(event_of(seen, name), "unsupported", NULL);

	if (why)
		(void)fprintf(stderr, "%s: %s\n", name, why);
	return json_u64_or(event_of(seen, name), "value", UINT64_MAX);
}

/* -ENOTSUP is told, and is for the caller to skip on. */
static int attach(struct scene *scene, const char *name, struct collector **ret)
{
	struct collector_target target = {.cgroup = scene->cgroup, .named = true};
	const struct collector_ops *ops = NULL;
	struct tare_err err = {0};
	int r;

	scene_need(collector_find(name, &ops, &target.argument, &err), &err);
	r = ops->probe(&err);
	if (r == 0)
		r = ops->attach(&target, ret, &err);
	if (r == -ENOTSUP) {
		(void)fprintf(stderr, "skipped: %s: %s\n", name, err.msg);
		return r;
	}
	scene_need(r, &err);
	scene->collectors[scene->n_collectors++] = *ret;
	return 0;
}

/* What the collector saw of the part; skips the test where a cgroup's events cannot be had. */
static json_t *watch(const char *name, void (*part)(void))
{
	struct collector *counters = NULL;
	struct scene scene;
	json_t *seen;

	scene_open(&scene, CGROUP_BIT(CGROUP_PIDS), NULL); /* v2: perf wants one */
	if (attach(&scene, name, &counters) < 0)
		skip();
	scene_start(&scene, part);
	scene_play(&scene);
	seen = scene_read(counters);
	scene_close(&scene);
	return seen;
}

#define TOUCHED 3000

static void part_touch_pages(void)
{
	char *p = mmap(NULL, TOUCHED * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		return;
	(void)madvise(p, TOUCHED * 4096UL, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < TOUCHED * 4096UL; i += 4096)
		((volatile char *)p)[i] = 1;
}

static void counters_count_or_say_why_not(void **state)
{
	static const char *const hardware[] = {"cycles", "instructions"};
	json_t *seen = watch("counters", part_touch_pages);

	(void)state;
	assert_string_equal(json_string_or(seen, "mode", ""), "cgroup");
	assert_int_equal(json_object_size(json_object_get(seen, "events")), 6);
	assert_in_range(value_of(seen, "page-faults"), TOUCHED, TOUCHED + 500);
	assert_in_range(value_of(seen, "task-clock"), 1, UINT64_MAX - 1);
	assert_in_range(value_of(seen, "context-switches"), 1, 10000);
	for (size_t i = 0; i < 2; i++) {
		const json_t *event = event_of(seen, hardware[i]);
		const char *why = json_string_or(event, "unsupported", NULL);

		/* One or the other, and never a silent 0. */
		if (why) {
			assert_non_null(strstr(why, json_string_or(event, "errno", "(no errno)")));
			assert_null(json_object_get(event, "value"));
		} else if (json_u64_or(event, "value", 0) < 1000) {
			assert_true(json_object_get(event, "suspect") ||
				    json_object_get(event, "not_counted"));
		}
	}
	json_decref(seen);
}

static void the_events_of_a_group_count_the_same_time(void **state)
{
	static const char *const names[] = {"page-faults", "faults", "task-clock"};
	json_t *seen = watch("counters={no_such_event,page-faults,faults,task-clock}"
			     "+{page-faults,task-clock}+minor-faults",
			     part_touch_pages);
	const json_t *first = event_of(seen, names[0]);

	(void)state;
	/* What cannot be opened leaves the others to count. */
	assert_non_null(json_object_get(event_of(seen, "no_such_event"), "unsupported"));
	assert_null(json_object_get(event_of(seen, "no_such_event"), "errno"));
	for (size_t i = 0; i < 3; i++) {
		const json_t *event = event_of(seen, names[i]);

		assert_int_equal(json_u64_or(event, "group", 0), 1);
		assert_int_equal(json_u64_or(event, "enabled_ns", 0),
				 json_u64_or(first, "enabled_ns", 1));
		assert_int_equal(json_u64_or(event, "running_ns", 0),
				 json_u64_or(first, "running_ns", 1));
	}
	/* Two names of one thing, read at one moment. */
	assert_int_equal(value_of(seen, "page-faults"), value_of(seen, "faults"));
	assert_in_range(value_of(seen, "page-faults"), TOUCHED, TOUCHED + 500);
	assert_int_equal(value_of(seen, "page-faults{2}"), value_of(seen, "page-faults"));
	assert_int_equal(json_u64_or(event_of(seen, "page-faults{2}"), "group", 0), 2);
	assert_null(json_object_get(event_of(seen, "minor-faults"), "group"));
	json_decref(seen);
}

static void events_that_can_only_be_0_are_suspect(void **state)
{
	json_t *seen = watch("counters=context-switches+context-switches:u+cpu-migrations:u"
			     "+page-faults:k+task-clock:u",
			     part_touch_pages);

	(void)state;
	assert_true(value_of(seen, "context-switches") > 0);
	assert_null(json_object_get(event_of(seen, "context-switches"), "suspect"));
	assert_int_equal(value_of(seen, "context-switches:u"), 0);
	assert_non_null(json_object_get(event_of(seen, "context-switches:u"), "suspect"));
	assert_non_null(json_object_get(event_of(seen, "cpu-migrations:u"), "suspect"));
	/* A filter alone makes nothing suspect. */
	assert_null(json_object_get(event_of(seen, "page-faults:k"), "suspect"));
	assert_null(json_object_get(event_of(seen, "task-clock:u"), "suspect"));
	json_decref(seen);
}

#define BORN_CALLS    1000
#define BORN_CHILDREN 3

static void call_often(void)
{
	for (int i = 0; i < BORN_CALLS; i++)
		(void)syscall(SYS_getppid);
}

static void *call_in_thread(void *unused)
{
	call_often();
	return unused;
}

/* After the execve: itself, a thread, and children of which one is still there at the end. */
static void play_after_exec(void)
{
	pthread_t thread;

	call_often();
	(void)pthread_create(&thread, NULL, call_in_thread, NULL);
	(void)pthread_join(thread, NULL);
	for (int i = 0; i < BORN_CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			call_often();
			_exit(0);
		}
		(void)waitpid(pid, NULL, 0);
	}
}

static void part_exec(void)
{
	static char name[] = "test_counters", what[] = "play";
	char *const argv[] = {name, what, NULL};

	/* Not counted in inherit mode. */
	(void)syscall(SYS_getppid);
	(void)execv("/proc/self/exe", argv);
}

#define GETPPID "syscalls/sys_enter_getppid"

static void inherit_mode_counts_all_that_comes_of_the_player(void **state)
{
	const uint64_t calls = BORN_CALLS * (2 + BORN_CHILDREN);
	struct collector *of_group = NULL, *of_player = NULL;
	struct scene scene;
	json_t *group, *player;
	uint64_t id;

	(void)state;
	if (tracepoint_id(GETPPID, &id, NULL) < 0)
		skip();
	scene_open(&scene, CGROUP_BIT(CGROUP_PIDS), NULL);
	if (attach(&scene, "counters=" GETPPID, &of_group) < 0 ||
	    attach(&scene, "counters=inherit:{" GETPPID ",task-clock}+" GETPPID, &of_player) < 0)
		skip();
	scene_start(&scene, part_exec);
	of_player->ops->born(of_player, scene.pid);
	scene_play(&scene);
	group = scene_read(of_group);
	player = scene_read(of_player);
	assert_string_equal(json_string_or(player, "mode", ""), "inherit");
	assert_int_equal(value_of(player, GETPPID), calls);
	assert_int_equal(value_of(player, GETPPID), value_of(player, GETPPID "{1}"));
	assert_int_equal(value_of(group, GETPPID), calls + 1);
	assert_in_range(value_of(player, "task-clock"), 1, UINT64_MAX - 1);
	json_decref(group);
	json_decref(player);
	scene_close(&scene);
}

static void a_player_that_is_never_counted_is_not_a_0(void **state)
{
	struct collector *born = NULL, *unborn = NULL;
	struct scene scene;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	if (attach(&scene, "counters=inherit:page-faults", &born) < 0 ||
	    attach(&scene, "counters=inherit:page-faults", &unborn) < 0)
		skip();
	scene_start(&scene, part_touch_pages);
	born->ops->born(born, scene.pid); /* but it executes nothing */
	scene_play(&scene);
	seen = scene_read(born);
	assert_non_null(json_object_get(event_of(seen, "page-faults"), "not_counted"));
	assert_null(json_object_get(event_of(seen, "page-faults"), "value"));
	json_decref(seen);
	seen = scene_read(unborn);
	assert_non_null(json_object_get(event_of(seen, "page-faults"), "unsupported"));
	json_decref(seen);
	scene_close(&scene);
}

static void without_a_group_only_the_player_can_be_counted(void **state)
{
	const struct collector_ops *ops = NULL;
	struct collector_target target = {.named = true};
	struct collector *collector = NULL;
	struct tare_err err = {0};

	(void)state;
	scene_need(collector_find("counters=inherit", &ops, &target.argument, &err), &err);
	scene_need(ops->attach(&target, &collector, &err), &err);
	ops->detach(collector);
	target.argument = "page-faults";
	assert_int_equal(ops->attach(&target, &collector, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "counters=inherit"));
}

/* All calls that the collector `syscalls` has counted. */
static uint64_t all_calls(const json_t *seen)
{
	const char *name;
	json_t *call;
	uint64_t sum = lost_of(seen, "other") + lost_of(seen, "compat");

	json_object_foreach(json_object_get(seen, "calls"), name, call) sum +=
		json_u64_or(call, "count", 0);
	return sum;
}

/* perf's tracepoints count by other means than the programs do: an independent oracle. All sleep
 * at both snapshots, so that nothing is between the two. */
static void hold_against_perf(const char *syscalls_name)
{
	struct collector *syscalls = NULL, *counters = NULL;
	struct scene scene;
	json_t *seen, *counted;

	n_threads = 3;
	scene_open(&scene, CGROUP_BIT(CGROUP_PIDS), NULL);
	if (attach(&scene, "counters=raw_syscalls:sys_enter+" GETPPID, &counters) < 0 ||
	    attach(&scene, syscalls_name, &syscalls) < 0)
		skip();
	scene_start(&scene, part_threads);
	scene_play(&scene);
	seen = scene_read(syscalls);
	counted = scene_read(counters);
	assert_true(all_calls(seen) > 3UL * CALLS);
	assert_int_equal(value_of(counted, "raw_syscalls:sys_enter"), all_calls(seen));
	assert_int_equal(value_of(counted, GETPPID), 3 * CALLS);
	assert_int_equal(count_of(seen, "getppid"), 3 * CALLS);
	/* The control calls: the end of the part is told, and the next word waited for. */
	assert_int_equal(count_of(seen, "write"), 1);
	assert_int_equal(count_of(seen, "read"), 1);
	assert_true(json_is_true(json_object_get(seen, "quiet")));
	json_decref(seen);
	json_decref(counted);
	scene_close(&scene);
}

static void skip_without_tracepoints(void)
{
	struct tare_err err = {0};
	uint64_t id;

	if (tracepoint_id("raw_syscalls/sys_enter", &id, &err) == 0 &&
	    tracepoint_id(GETPPID, &id, &err) == 0)
		return;
	(void)fprintf(stderr, "skipped: %s\n", err.msg);
	skip();
}

static void perf_counts_the_same_calls(void **state)
{
	(void)state;
	skip_without_tracepoints();
	hold_against_perf("syscalls");
}

static void perf_counts_the_same_calls_as_are_sampled(void **state)
{
	(void)state;
	skip_without_tracepoints();
	hold_against_perf("syscalls=sampled");
}

static void *sleep_and_yield(void *unused)
{
	const struct timespec pause = {.tv_nsec = 100000};

	for (int i = 0; i < 50; i++) {
		(void)nanosleep(&pause, NULL);
		(void)sched_yield();
	}
	return unused;
}

static void part_switch(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		(void)pthread_create(&threads[i], NULL, sleep_and_yield, NULL);
	for (int i = 0; i < 3; i++)
		(void)pthread_join(threads[i], NULL);
}

static void perf_counts_the_same_switches(void **state)
{
	struct collector *sched = NULL, *counters = NULL;
	struct scene scene;
	json_t *seen, *counted;

	(void)state;
	scene_open(&scene, CGROUP_BIT(CGROUP_PIDS), NULL);
	if (attach(&scene, "counters=context-switches", &counters) < 0 ||
	    attach(&scene, "sched", &sched) < 0)
		skip();
	scene_start(&scene, part_switch);
	scene_play(&scene);
	seen = scene_read(sched);
	counted = scene_read(counters);
	assert_true(value_of(counted, "context-switches") >= 3 * 50);
	assert_int_equal(json_u64_or(seen, "switches", 0), value_of(counted, "context-switches"));
	json_decref(seen);
	json_decref(counted);
	scene_close(&scene);
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_count_or_say_why_not),
		TEST(the_events_of_a_group_count_the_same_time),
		TEST(events_that_can_only_be_0_are_suspect),
		TEST(inherit_mode_counts_all_that_comes_of_the_player),
		TEST(a_player_that_is_never_counted_is_not_a_0),
		TEST(without_a_group_only_the_player_can_be_counted),
		TEST(perf_counts_the_same_calls),
		TEST(perf_counts_the_same_calls_as_are_sampled),
		TEST(perf_counts_the_same_switches),
	};
	char byte;

	if (argc == 2 && strcmp(argv[1], "play") == 0) {
		play_after_exec();
		return write(101, "d", 1) == 1 && read(100, &byte, 1) == 1 ? 0 : 125;
	}
	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
