/* SPDX-License-Identifier: MIT */
/* bench_launch: what it costs to put a process into a container, from launch to exit.
 *
 *   bench_launch [ROUNDS [TARE_LOAD]]
 *
 * In each round, in random order: the floor (one clone3 with all eight namespaces, an identity
 * map, execve, exit: less cannot be done), tare's container in this process, with and without
 * fresh cgroups, and other runtimes as the commands they are. The program inside is always
 * `busybox true`. A runtime that does not start here is left out, with its own last words. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "box/box.h"
#include "box/common/rootfs.h"
#include "box/container/identity.h"
#include "kernel/cgroup.h"

#define ROUNDS_MAX 2000
#define ALL_NAMESPACES                                                                             \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

/* So that what the kernel takes down behind one launch does not run inside the next. */
static const struct timespec pause_between = {.tv_nsec = 8 * NS_PER_MS};

static struct {
	char dir[64], load[256], tree[ROOTFS_PATH_SIZE], group[64];
	struct box_place place;
	struct cgroup_layout layout;
	int null;
} bench;

static char busybox[] = "/bin/busybox", applet[] = "true";
static char *const payload[] = {busybox, applet, NULL};
static char *const no_environment[] = {NULL};

struct variant {
	const char *name;
	int (*launch)(struct tare_err *err);
	const char *const *command; /* for run_command */
	bool out;                   /* it does not start here */
	uint64_t ns[ROUNDS_MAX];
};

static int wait_for(pid_t pid, const char *what, struct tare_err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(err, "wait for %s", what);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "%s ended with status 0x%x", what, status);
	return 0;
}

static int launch_floor(struct tare_err *err)
{
	struct clone_args args = {.flags = ALL_NAMESPACES, .exit_signal = SIGCHLD};
	int go[2], r;
	pid_t pid;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		if (read(go[0], &byte, 1) == 1)
			(void)execve(busybox, payload, no_environment);
		_exit(127);
	}
	if (pid < 0)
		return err_errno(err, "clone3");
	r = identity_map_range(pid, err);
	if (r == 0 && write(go[1], "", 1) != 1)
		r = err_errno(err, "write to the pipe");
	(void)close(go[0]);
	(void)close(go[1]);
	return r < 0 ? r : wait_for(pid, "the floor", err);
}

static int run_in_container(const struct cgroup *group, struct tare_err *err)
{
	const struct box_config config = {.place = &bench.place, .name = "tare-bench"};
	const struct box_exec exec = {.argv = payload,
				      .envp = no_environment,
				      .stdio = {bench.null, bench.null, bench.null},
				      .cgroup = group};
	const struct box_ops *ops;
	struct box_process process;
	struct box *box = NULL;
	int r = box_find("container", &ops, err), closed;

	if (r == 0)
		r = ops->open(&config, &box, err);
	if (r < 0)
		return r;
	r = ops->start(box, &exec, &process, err);
	if (r == 0) {
		r = wait_for(process.pid, "the container", err);
		(void)close(process.pidfd);
	}
	closed = ops->close(box, err);
	return r < 0 ? r : closed;
}

static int launch_container(struct tare_err *err)
{
	return run_in_container(NULL, err);
}

static int launch_container_in_cgroups(struct tare_err *err)
{
	unsigned int controllers =
		CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS);
	struct cgroup *group = NULL;
	int r = cgroup_create(&bench.layout, bench.group, controllers, NULL, &group, err);
	int destroyed;

	if (r < 0)
		return r;
	r = run_in_container(group, err);
	destroyed = cgroup_destroy(group, err);
	return r < 0 ? r : destroyed;
}

static int run_command(const char *const *command, struct tare_err *err)
{
	/* posix_spawn does not write to its arguments. */
	char *const *argv =
		(char *const *)(uintptr_t)command; /* NOLINT(performance-no-int-to-ptr) */
	posix_spawn_file_actions_t actions;
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *envp[] = {path, NULL}, said[96], words[1024];
	pid_t pid;
	int r;

	(void)snprintf(said, sizeof(said), "%s/said", bench.dir);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_set(err, ENOMEM, "out of memory");
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, said, O_WRONLY | O_CREAT | O_TRUNC,
					       0600);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (errno)
		return err_errno(err, "run %s", argv[0]);
	r = wait_for(pid, argv[0], NULL);
	if (r == 0 || fd_read_file(AT_FDCWD, said, words, sizeof(words), err) < 0)
		return r;
	words[strcspn(words, "\n")] = '\0';
	return err_set(err, -r, "%s", words[0] ? words : "it fails without a word");
}

/* The runtime's own default specification, with our program and root. */
static int make_bundle(struct tare_err *err)
{
	const char *const spec[] = {"runc", "spec", "--bundle", bench.dir, NULL};
	char path[96];
	int r = run_command(spec, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/config.json", bench.dir);
	cleanup_json json_t *config = json_load_file(path, 0, NULL);
	cleanup_json json_t *ours =
		json_pack("{s:{s:b, s:[s,s]}, s:{s:s, s:b}, s:{s:s}}", "process", "terminal", 0,
			  "args", busybox, applet, "root", "path", bench.tree, "readonly", 1,
			  "linux", "cgroupsPath", bench.group);

	if (!config || !ours || json_object_update_recursive(config, ours) < 0 ||
	    json_dump_file(config, path, 0) < 0)
		return err_set(err, EIO, "cannot edit '%s'", path);
	return 0;
}

static int launch(const struct variant *v, uint64_t *ret_ns, struct tare_err *err)
{
	uint64_t start = clock_now_ns();
	int r = v->launch ? v->launch(err) : run_command(v->command, err);

	*ret_ns = clock_now_ns() - start;
	(void)nanosleep(&pause_between, NULL);
	return r;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double us_at(const struct variant *v, size_t index)
{
	return (double)v->ns[index] / (double)NS_PER_US;
}

static void print_table(struct variant *table, size_t n, size_t rounds)
{
	double floor_us = 0;

	(void)printf("%-44s %9s %9s %9s %7s\n", "launch to exit, us", "p10", "median", "p90",
		     "/ floor");
	for (size_t i = 0; i < n; i++) {
		struct variant *v = &table[i];
		size_t p10 = rounds / 10, p50 = rounds / 2, p90 = rounds * 9 / 10;

		if (v->out)
			continue;
		qsort(v->ns, rounds, sizeof(v->ns[0]), compare);
		if (i == 0)
			floor_us = us_at(v, p50);
		(void)printf("%-44s %9.0f %9.0f %9.0f %7.2f\n", v->name, us_at(v, p10),
			     us_at(v, p50), us_at(v, p90), us_at(v, p50) / floor_us);
	}
}

static void shuffle(size_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		unsigned int random = 0;
		size_t j, swap = order[i];

		(void)!getrandom(&random, sizeof(random), 0);
		j = random % (i + 1);
		order[i] = order[j];
		order[j] = swap;
	}
}

/* Each once, not counted: caches are warm, and what cannot run here is left out. */
static void warm_up(struct variant *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tare_err err = {0};
		uint64_t ns;

		if (launch(&table[i], &ns, &err) < 0) {
			table[i].out = true;
			(void)printf("left out: %s: %s\n", table[i].name, err.msg);
		}
	}
}

static int measure(struct variant *table, size_t n, size_t rounds, struct tare_err *err)
{
	size_t order[8];

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t round = 0; round < rounds; round++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++) {
			struct variant *v = &table[order[i]];
			int r = v->out ? 0 : launch(v, &v->ns[round], err);

			if (r < 0)
				return err_wrap(err, r, "%s", v->name);
		}
	}
	return 0;
}

static int prepare(const char *load, struct tare_err *err)
{
	int r;

	(void)snprintf(bench.dir, sizeof(bench.dir), "/tmp/tare-bench-XXXXXX");
	(void)snprintf(bench.load, sizeof(bench.load), "%s", load);
	(void)snprintf(bench.group, sizeof(bench.group), "tare-bench-%d", getpid());
	bench.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!mkdtemp(bench.dir) || bench.null < 0)
		return err_errno(err, "prepare");
	bench.place = (struct box_place){.load_path = bench.load, .cache_dir = bench.dir};
	r = cgroup_layout_read(&bench.layout, err);
	return r < 0 ? r : rootfs_prepare(&bench.place, 0, bench.tree, err);
}

static struct variant variants[] = {
	{.name = "floor: clone3 of 8 namespaces, execve, exit", .launch = launch_floor},
	{.name = "tare container, no cgroup", .launch = launch_container},
	{.name = "tare container, new cpu+memory+pids cgroups",
	 .launch = launch_container_in_cgroups},
	{.name = "bwrap --unshare-all (no cgroup, no seccomp)"},
	{.name = "crun run"},
	{.name = "runc run"},
};
#define N_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static int bench_run(size_t rounds, struct tare_err *err)
{
	const char *const bwrap[] = {"bwrap",  "--unshare-all", "--ro-bind", bench.tree, "/",
				     "--proc", "/proc",         "--dev",     "/dev",     "--tmpfs",
				     "/tmp",   busybox,         applet,      NULL};
	const char *const crun[] = {"crun",     "--root",  bench.dir,   "run",
				    "--bundle", bench.dir, bench.group, NULL};
	const char *const runc[] = {"runc",     "--root",  bench.dir,   "run",
				    "--bundle", bench.dir, bench.group, NULL};
	struct tare_err why = {0};

	variants[3].command = bwrap;
	variants[4].command = crun;
	variants[5].command = runc;
	if (make_bundle(&why) < 0)
		(void)printf("no bundle for crun and runc: %s\n", why.msg);
	warm_up(variants, N_VARIANTS);
	if (variants[0].out || variants[1].out)
		return err_set(err, ENOTSUP, "this machine cannot make containers");
	return measure(variants, N_VARIANTS, rounds, err);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 40;
	struct tare_err err = {0};
	int r;

	if (geteuid() != 0)
		return 77;
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "bench_launch: 1 to %d rounds\n", ROUNDS_MAX);
		return 2;
	}
	r = prepare(argc > 2 ? argv[2] : TARE_BINARY_DIR "/tare-load", &err);
	if (r == 0)
		r = bench_run(rounds, &err);
	if (r == 0)
		print_table(variants, N_VARIANTS, rounds);
	else
		(void)fprintf(stderr, "bench_launch: %s\n", err.msg);
	(void)fd_remove_tree(bench.dir, NULL);
	return r < 0 ? 1 : 0;
}
