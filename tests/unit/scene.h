/* SPDX-License-Identifier: MIT */
#pragma once
/* scene: a cgroup with a child in it that waits, plays a part between two snapshots of the
 * collectors, and waits again, as a player does.
 *
 * Between the snapshots the child also ends the read(2) it waits in, writes one byte, and
 * begins another read: scene_control[] calls that no part may make. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "collector.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"

#define SCENE_COLLECTORS 4

struct scene {
	struct cgroup *cgroup;
	struct collector *collectors[SCENE_COLLECTORS];
	size_t n_collectors;
	pid_t pid;
	int to_child, from_child;
	int status; /* of the child, as wait(2) gives it */
};

/* Groups in being: a failed assertion jumps out of the test, past scene_close(). */
static struct cgroup *scene_groups[4];

static inline int scene_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		if (!scene_groups[i])
			continue;
		(void)cgroup_kill(scene_groups[i], 2000, NULL);
		(void)cgroup_destroy(scene_groups[i], NULL);
		scene_groups[i] = NULL;
	}
	return 0;
}

static inline void scene_need(int r, const struct tare_err *err)
{
	if (r < 0) {
		(void)fprintf(stderr, "%s (%d)\n", err->msg, r);
		fail();
	}
}

/* Groups of a program that was killed, "tare-test-PID-N": of no run, they are in no journal. */
static inline void scene_sweep(const struct cgroup_layout *layout)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	const struct dirent *entry;

	for (size_t i = 0, n = cgroup_layout_mounts(layout, mounts); i < n; i++) {
		cleanup_dir DIR *dir = opendir(mounts[i]->mount);

		while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): ours */
			unsigned int number;
			int pid;

			if (sscanf(entry->d_name, "tare-test-%d-%u", &pid, &number) == 2 &&
			    pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
				(void)cgroup_remove_named(layout, entry->d_name, 2000, NULL);
		}
	}
}

/* limit(cgroup) is called before anybody joins. */
static inline void scene_open(struct scene *scene, unsigned int controllers,
			      void (*limit)(const struct cgroup *))
{
	static unsigned int number;
	struct cgroup_layout layout;
	struct tare_err err = {0};
	char name[64];

	(void)signal(SIGPIPE, SIG_IGN); /* the child may be dead */
	*scene = (struct scene){.to_child = -1, .from_child = -1};
	scene_need(cgroup_layout_read(&layout, &err), &err);
	if (number == 0)
		scene_sweep(&layout);
	(void)snprintf(name, sizeof(name), "tare-test-%d-%u", getpid(), number++);
	for (int i = 0; i < CGROUP_N_CONTROLLERS; i++)
		if (layout.controllers[i].version == 0)
			controllers &= ~CGROUP_BIT(i);
	scene_need(cgroup_create(&layout, name, controllers, NULL, &scene->cgroup, &err), &err);
	for (size_t i = 0; i < 4; i++) {
		if (!scene_groups[i]) {
			scene_groups[i] = scene->cgroup;
			break;
		}
	}
	if (limit)
		limit(scene->cgroup);
}

static inline struct collector *scene_attach_as(struct scene *scene, const char *name, bool named)
{
	struct collector_target target = {.cgroup = scene->cgroup, .named = named};
	const struct collector_ops *ops = NULL;
	struct tare_err err = {0};
	struct collector *collector = NULL;

	scene_need(collector_find(name, &ops, &target.argument, &err), &err);
	scene_need(ops->probe(&err), &err);
	scene_need(ops->attach(&target, &collector, &err), &err);
	scene->collectors[scene->n_collectors++] = collector;
	return collector;
}

static inline struct collector *scene_attach(struct scene *scene, const char *name)
{
	return scene_attach_as(scene, name, true);
}

static inline _Noreturn void scene_child(const struct scene *scene, int in, int out,
					 void (*part)(void))
{
	char byte = 0;

	if (cgroup_join_v1_self(scene->cgroup) < 0 || write(out, "r", 1) != 1 ||
	    read(in, &byte, 1) != 1)
		_exit(125);
	part();
	if (write(out, "d", 1) != 1 || read(in, &byte, 1) != 1)
		_exit(125);
	_exit(0);
}

/* In a part: until that process sleeps in a call. */
static inline void scene_await_sleep(pid_t pid)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (;;) {
		const char *state;

		if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
			return;
		state = strrchr(text, ')');
		if (state && strncmp(state, ") S", 3) == 0)
			return;
		(void)usleep(1000);
	}
}

/* In a part: of several CPUs' stalls, pressure files make a mean, weighted by what they do else
 * (collect_percpu_times, kernel/sched/psi.c). */
static inline void scene_stay_on_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/* In a part: of CPU, that the thread has had. */
static inline uint64_t scene_cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Start the child, and wait until it has said that it is ready. */
static inline void scene_start(struct scene *scene, void (*part)(void))
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (__u64)cgroup_v2_fd(scene->cgroup),
	};
	int down[2], up[2];
	char byte;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	scene->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	assert_true(scene->pid >= 0);
	if (scene->pid == 0) {
		/* fds that an execve in the part needs */
		(void)dup2(down[0], 100);
		(void)dup2(up[1], 101);
		scene_child(scene, 100, 101, part);
	}
	(void)close(down[0]);
	(void)close(up[1]);
	scene->to_child = down[1];
	scene->from_child = up[0];
	assert_int_equal(read(scene->from_child, &byte, 1), 1);
}

static inline void scene_snapshot(struct scene *scene, enum collector_moment moment)
{
	struct tare_err err = {0};

	for (size_t i = 0; i < scene->n_collectors; i++)
		scene_need(scene->collectors[i]->ops->snapshot(scene->collectors[i], moment, &err),
			   &err);
}

/* Wait until the child sleeps in its read(2), or is dead: the collectors are read one after the
 * other, and a call that begins between two of them is in one's account only. */
static inline void scene_settle(const struct scene *scene)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", scene->pid);
	for (int i = 0; i < 10000; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		(void)close(fd);
		text[n < 0 ? 0 : n] = '\0';
		/* A zombie has none of a call's number ("-1 ..."), or cannot be read. */
		if (n <= 0 || text[0] == '-' ||
		    (isdigit(text[0]) && strtol(text, NULL, 10) == SYS_read))
			break;
		(void)nanosleep(&pause, NULL);
	}
}

/* Let the part be played between two snapshots. The child may die of it. */
static inline void scene_perform(struct scene *scene)
{
	char byte = 0;

	scene_settle(scene);
	scene_snapshot(scene, COLLECTOR_BEGIN);
	assert_int_equal(write(scene->to_child, "g", 1), 1);
	(void)!read(scene->from_child, &byte, 1);
	scene_settle(scene);
	scene_snapshot(scene, COLLECTOR_END);
}

static inline void scene_end(struct scene *scene)
{
	(void)!write(scene->to_child, "e", 1);
	assert_int_equal(waitpid(scene->pid, &scene->status, 0), scene->pid);
}

static inline void scene_play(struct scene *scene)
{
	scene_perform(scene);
	scene_end(scene);
}

static inline json_t *scene_read(struct collector *collector)
{
	struct tare_err err = {0};
	json_t *seen = NULL;

	scene_need(collector->ops->read(collector, &seen, &err), &err);
	return seen;
}

static inline void scene_close(struct scene *scene)
{
	struct tare_err err = {0};

	for (size_t i = 0; i < scene->n_collectors; i++)
		scene->collectors[i]->ops->detach(scene->collectors[i]);
	(void)close(scene->to_child);
	(void)close(scene->from_child);
	scene_need(cgroup_kill(scene->cgroup, 2000, &err), &err);
	for (size_t i = 0; i < 4; i++)
		if (scene_groups[i] == scene->cgroup)
			scene_groups[i] = NULL;
	scene_need(cgroup_destroy(scene->cgroup, &err), &err);
}

/* A whole scene: what the collector saw of the part. ret_status, of the child, may be NULL. */
static inline json_t *scene_watch(const char *name, unsigned int controllers,
				  void (*limit)(const struct cgroup *), void (*part)(void),
				  int *ret_status)
{
	struct collector *collector;
	struct scene scene;
	json_t *seen;

	scene_open(&scene, controllers, limit);
	collector = scene_attach(&scene, name);
	scene_start(&scene, part);
	scene_play(&scene);
	seen = scene_read(collector);
	if (ret_status)
		*ret_status = scene.status;
	scene_close(&scene);
	return seen;
}
