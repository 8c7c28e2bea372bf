/* SPDX-License-Identifier: MIT */
/* Real groups of this machine: needs root and a cgroup filesystem. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"
#include "limit/limit.h"

#define WAIT_MS 10000

static struct cgroup_layout layout;
static char name[64];

/* In how many hierarchies the group is. */
static size_t count_left(void)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	size_t n = cgroup_layout_mounts(&layout, mounts), left = 0;

	for (size_t i = 0; i < n; i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", mounts[i]->mount, name);
		left += access(path, F_OK) == 0;
	}
	return left;
}

/* The controllers of this machine among those that limits use. */
static unsigned int available(void)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		if (layout.controllers[i].version)
			bits |= CGROUP_BIT(i);
	return bits;
}

static struct cgroup *make(unsigned int controllers)
{
	struct tare_err err = {0};
	struct cgroup *cgroup = NULL;

	if (cgroup_create(&layout, name, controllers, NULL, &cgroup, &err) < 0)
		fail_msg("%s", err.msg);
	return cgroup;
}

static void take_down(struct cgroup *cgroup)
{
	struct tare_err err = {0};

	if (cgroup_kill(cgroup, WAIT_MS, &err) < 0 || cgroup_destroy(cgroup, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(count_left(), 0);
}

static _Noreturn void child_main(const struct cgroup *cgroup, int ready)
{
	int r = cgroup_join_v1_self(cgroup);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready, &r, sizeof(r)) != sizeof(r) || r < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

/* A sleeping child that is born in the group. */
static pid_t start_inside(const struct cgroup *cgroup)
{
	int v2 = cgroup_v2_fd(cgroup);
	struct clone_args args = {.exit_signal = SIGCHLD};
	int ready[2], r = -1;
	pid_t pid;

	if (v2 >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)v2;
	}
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	assert_true(pid >= 0);
	if (pid == 0)
		child_main(cgroup, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(fd_read_all(ready[0], &r, sizeof(r), NULL), 0);
	(void)close(ready[0]);
	assert_int_equal(r, 0);
	return pid;
}

/* Is it in the group, in each hierarchy of the group? */
static size_t count_memberships(pid_t pid)
{
	char path[64], text[4096], want[80];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	(void)snprintf(want, sizeof(want), ":/%s\n", name);
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
	for (const char *at = text; (at = strstr(at, want)); at++)
		n++;
	return n;
}

static int wait_signal(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_child_is_born_in_all_hierarchies_and_dies_with_the_group(void **state)
{
	struct cgroup *cgroup = make(available());
	struct stat st;
	pid_t pid;

	(void)state;
	assert_true(count_left() > 0);
	pid = start_inside(cgroup);
	assert_int_equal(count_memberships(pid), count_left());
	if (cgroup_v2_fd(cgroup) >= 0) {
		assert_int_equal(fstat(cgroup_v2_fd(cgroup), &st), 0);
		assert_true(cgroup_v2_id(cgroup) == st.st_ino);
	}
	take_down(cgroup);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void *sleep_as_thread(void *argument)
{
	(void)pause();
	return argument;
}

static _Noreturn void threaded_main(int ready)
{
	pthread_t thread;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&thread, NULL, sleep_as_thread, NULL) != 0 || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static void all_threads_of_a_process_join(void **state)
{
	int v = 0, fd, ready[2];
	struct cgroup *cgroup = make(available());
	char byte, text[256];
	size_t lines = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		threaded_main(ready[1]);
	assert_int_equal(fd_read_all(ready[0], &byte, 1, NULL), 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_int_equal(cgroup_join(cgroup, pid, NULL), 0);
	assert_int_equal(count_memberships(pid), count_left());
	fd = cgroup_controller_fd(cgroup, CGROUP_PIDS, &v);
	assert_true(fd_read_file(fd, v == 1 ? "tasks" : "cgroup.threads", text, sizeof(text),
				 NULL) > 0);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 2);
	take_down(cgroup);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void groups_below_are_emptied_and_removed_too(void **state)
{
	struct cgroup *cgroup = make(available());
	int version, fd = cgroup_controller_fd(cgroup, CGROUP_PIDS, &version);
	char text[32];
	pid_t pid;

	(void)state;
	assert_int_equal(mkdirat(fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fd, "a/b", 0755), 0);
	pid = start_inside(cgroup);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(fd_write_file(fd, "a/b/cgroup.procs", text, NULL), 0);
	take_down(cgroup);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void a_group_below_another_is_in_the_same_hierarchies(void **state)
{
	struct cgroup *above = make(available()), *below = NULL;
	char above_name[sizeof(name)];
	struct tare_err err = {0};
	size_t all = count_left();
	pid_t pid;

	(void)state;
	if (cgroup_create_below(above, "tare-below", &below, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(cgroup_create_below(above, "below", &below, NULL), -EINVAL);
	assert_int_equal(cgroup_create_below(above, "tare-below", &below, NULL), -EEXIST);
	pid = start_inside(below);
	(void)snprintf(above_name, sizeof(above_name), "%s", name);
	(void)snprintf(name, sizeof(name), "%.40s/tare-below", above_name);
	assert_int_equal(count_memberships(pid), all);
	take_down(below);
	assert_int_equal(wait_signal(pid), SIGKILL);
	(void)snprintf(name, sizeof(name), "%s", above_name);
	take_down(above);
}

static void a_frozen_task_dies_too(void **state)
{
	struct cgroup *cgroup = make(available());
	int version, fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER, &version);
	pid_t pid = start_inside(cgroup);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_file(fd, version == 1 ? "freezer.state" : "cgroup.freeze",
				       version == 1 ? "FROZEN" : "1", NULL),
			 0);
	take_down(cgroup);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void a_busy_group_says_so_and_goes_later(void **state)
{
	struct cgroup *cgroup = make(CGROUP_BIT(CGROUP_PIDS));
	pid_t pid = start_inside(cgroup);
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(cgroup_destroy(cgroup, &err), -EBUSY);
	assert_non_null(strstr(err.msg, name));
	/* By name, as `tare clean` does it. */
	assert_true(cgroup_remove_named(&layout, name, WAIT_MS, NULL) > 0);
	assert_int_equal(count_left(), 0);
	assert_int_equal(cgroup_remove_named(&layout, name, WAIT_MS, NULL), 0);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void a_taken_name_is_refused_and_left_alone(void **state)
{
	struct cgroup *first = make(CGROUP_BIT(CGROUP_PIDS)), *second = NULL;
	struct tare_err err = {0};
	size_t before = count_left();

	(void)state;
	assert_int_equal(cgroup_create(&layout, name, available(), NULL, &second, &err), -EEXIST);
	assert_int_equal(count_left(), before);
	take_down(first);
	assert_int_equal(cgroup_create(&layout, "tare-a/b", 0, NULL, &second, NULL), -EINVAL);
	assert_int_equal(cgroup_create(&layout, "system", 0, NULL, &second, NULL), -EINVAL);
}

static void a_missing_controller_is_named(void **state)
{
	struct cgroup_layout without = layout;
	struct cgroup_layout nothing = {0};
	struct cgroup *cgroup = NULL;
	struct tare_err err = {0};

	(void)state;
	without.controllers[CGROUP_IO].version = 0;
	assert_int_equal(cgroup_create(&without, name, CGROUP_BIT(CGROUP_IO), NULL, &cgroup, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.msg, "'io'"));
	assert_int_equal(cgroup_create(&nothing, name, 0, NULL, &cgroup, NULL), -ENOTSUP);
	assert_int_equal(count_left(), 0);
}

/* A limit on the disk below the working directory, if there is one. */
static void add_device_limit(struct limits *limits)
{
	char path[96], text[128];
	struct stat st;

	if (!layout.controllers[CGROUP_IO].version || !getcwd(path, sizeof(path)) ||
	    stat(path, &st) < 0 || st.st_dev >> 8 == 0)
		return;
	(void)snprintf(text, sizeof(text), "%s:4M", path);
	assert_int_equal(limits_set(limits, "device-write-bps", text, NULL), 0);
	(void)snprintf(text, sizeof(text), "%s:100", path);
	assert_int_equal(limits_set(limits, "device-read-iops", text, NULL), 0);
}

static void limits_read_back_as_they_were_set(void **state)
{
	struct limits limits = {0};
	struct tare_err err = {0};
	struct cgroup *cgroup;
	json_t *asked, *now = NULL;
	pid_t pid;

	(void)state;
	assert_int_equal(limits_set(&limits, "cpus", "0.5", NULL), 0);
	assert_int_equal(limits_set(&limits, "cpuset-cpus", "0", NULL), 0);
	assert_int_equal(limits_set(&limits, "memory", "64M", NULL), 0);
	assert_int_equal(limits_set(&limits, "pids-limit", "10", NULL), 0);
	add_device_limit(&limits);
	cgroup = make(limits_controllers(&limits));
	if (limits_apply(&limits, cgroup, &err) < 0 ||
	    limits_read_back(&limits, cgroup, &now, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(json_object_size(json_object_get(now, "files")) >= 4);
	assert_int_equal(json_object_del(now, "files"), 0);
	asked = limits_to_json(&limits);
	assert_true(json_equal(asked, now));
	json_decref(asked);
	json_decref(now);
	pid = start_inside(cgroup);
	take_down(cgroup);
	assert_int_equal(wait_signal(pid), SIGKILL);
}

static void memory_is_rounded_to_pages(void **state)
{
	struct limits limits = {.memory_bytes = (2U << 20) + 1000};
	struct cgroup *cgroup = make(CGROUP_BIT(CGROUP_MEMORY));
	json_t *now = NULL;

	(void)state;
	assert_int_equal(limits_apply(&limits, cgroup, NULL), 0);
	assert_int_equal(limits_read_back(&limits, cgroup, &now, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(now, "memory")), 2 << 20);
	json_decref(now);
	take_down(cgroup);
}

static void a_limit_that_changed_is_noticed(void **state)
{
	struct limits limits = {.pids = 10, .memory_bytes = 64U << 20};
	struct cgroup *cgroup = make(CGROUP_BIT(CGROUP_PIDS) | CGROUP_BIT(CGROUP_MEMORY));
	struct tare_err err = {0};
	json_t *now = NULL;

	(void)state;
	assert_int_equal(limits_apply(&limits, cgroup, NULL), 0);
	assert_int_equal(fd_write_file(cgroup_controller_fd(cgroup, CGROUP_PIDS, NULL), "pids.max",
				       "11", NULL),
			 0);
	assert_int_equal(limits_read_back(&limits, cgroup, &now, &err), -ERANGE);
	assert_null(now);
	assert_string_equal(err.msg,
			    "limit 'pids-limit': 'pids.max' was set to '10' and holds '11'");
	take_down(cgroup);
}

static void limits_without_their_controller_are_refused(void **state)
{
	struct limits limits = {.pids = 10}, device = {0};
	struct cgroup *cgroup = make(CGROUP_BIT(CGROUP_MEMORY));
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(limits_apply(&limits, cgroup, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "'pids'"));
	take_down(cgroup);

	cgroup = make(CGROUP_BIT(CGROUP_IO));
	err = (struct tare_err){0};
	assert_int_equal(limits_set(&device, "device-read-bps", "/proc:1M", NULL), 0);
	assert_int_equal(limits_apply(&device, cgroup, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "is on proc"));
	device = (struct limits){0};
	err = (struct tare_err){0};
	assert_int_equal(limits_set(&device, "device-read-bps", "/dev/null:1M", NULL), 0);
	assert_int_equal(limits_apply(&device, cgroup, &err), -ENOTBLK);
	device = (struct limits){0};
	assert_int_equal(limits_set(&device, "device-read-bps", "/nowhere:1M", NULL), 0);
	assert_int_equal(limits_apply(&device, cgroup, NULL), -ENOENT);
	take_down(cgroup);
}

static int can_make_groups(void **state)
{
	struct tare_err err = {0};
	struct cgroup *cgroup = NULL;

	(void)state;
	(void)snprintf(name, sizeof(name), "tare-unit-%d", (int)getpid());
	if (cgroup_layout_read(&layout, &err) < 0)
		return -1;
	if (cgroup_create(&layout, name,
			  CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUSET) |
				  CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS) |
				  CGROUP_BIT(CGROUP_IO),
			  NULL, &cgroup, &err) < 0) {
		(void)printf("1..0 # SKIP %s\n", err.msg);
		exit(77);
	}
	return cgroup_destroy(cgroup, NULL);
}

static int remove_what_a_failed_test_left(void **state)
{
	(void)state;
	return cgroup_remove_named(&layout, name, WAIT_MS, NULL) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_child_is_born_in_all_hierarchies_and_dies_with_the_group,
			remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(all_threads_of_a_process_join,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(groups_below_are_emptied_and_removed_too,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(a_group_below_another_is_in_the_same_hierarchies,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(a_frozen_task_dies_too, remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(a_busy_group_says_so_and_goes_later,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(a_taken_name_is_refused_and_left_alone,
					  remove_what_a_failed_test_left),
		cmocka_unit_test(a_missing_controller_is_named),
		cmocka_unit_test_teardown(limits_read_back_as_they_were_set,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(memory_is_rounded_to_pages,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(a_limit_that_changed_is_noticed,
					  remove_what_a_failed_test_left),
		cmocka_unit_test_teardown(limits_without_their_controller_are_refused,
					  remove_what_a_failed_test_left),
	};

	return cmocka_run_group_tests_name("cgroup", tests, can_make_groups, NULL);
}
