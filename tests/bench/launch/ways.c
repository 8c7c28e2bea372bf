/* SPDX-License-Identifier: MIT */
#include "ways.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "alone.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "box/box.h"
#include "box/common/pool.h"
#include "box/common/rootfs.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"

static struct {
	char dir[64], load[256], tree[ROOTFS_PATH_SIZE], group[64], peers_group[64];
	char tare[256], floor[256];
	struct box_place place;
	struct cgroup_layout layout;
	struct journal *journal;
	struct box_pool *pool;
	int null;
	int mounts, hidden; /* our mount namespace; one where cgroup v2 is hidden, for crun */
	unsigned int number;
} bench = {.null = -1, .mounts = -1, .hidden = -1};

static char busybox[] = "/bin/busybox", applet[] = "true";
static char *const payload[] = {busybox, applet, NULL};
static char *const no_environment[] = {NULL};

static int judge(int status, const char *what, struct tare_err *err)
{
	if (status < 0)
		return err_set(err, -status, "%s cannot be made", what);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "%s ended with status 0x%x", what, status);
	return 0;
}

static int wait_for(pid_t pid, const char *what, struct tare_err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(err, "wait for %s", what);
	}
	return judge(status, what, err);
}

static int launch_floor(struct tare_err *err)
{
	return judge(alone_run(payload, no_environment), "the floor", err);
}

static int finish_group(void *context, struct tare_err *err)
{
	return context ? cgroup_complete(context, err) : 0;
}

static int run_in_box(const char *name, struct cgroup *group, struct tare_err *err)
{
	const struct box_config config = {.place = &bench.place, .name = bench.group};
	const struct box_exec exec = {.argv = payload,
				      .envp = no_environment,
				      .stdio = {bench.null, bench.null, bench.null},
				      .cgroup = group,
				      .meanwhile = finish_group,
				      .context = group};
	const struct box_ops *ops;
	struct box_process process;
	struct box *box = NULL;
	int r = box_find(name, &ops, err), closed;

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

static int launch_plain(struct tare_err *err)
{
	return run_in_box("bare", NULL, err);
}

#define CONTROLLERS (CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS))

static int launch_fresh(struct tare_err *err)
{
	struct cgroup *group = NULL;
	int r = cgroup_begin(&bench.layout, bench.group, CONTROLLERS, bench.journal, &group, err);
	int destroyed;

	if (r < 0)
		return r;
	r = run_in_box("container", group, err);
	destroyed = cgroup_destroy(group, err);
	return r < 0 ? r : destroyed;
}

/* Of two, so that the next one's memory is not the last one's. */
static int open_pool(struct tare_err *err)
{
	struct box_pool_config config = {
		.box = {.place = &bench.place, .name = bench.group},
		.layout = &bench.layout,
		.controllers = CONTROLLERS,
		.size = 2,
	};
	int r = box_find("container", &config.ops, err);

	return r == 0 ? box_pool_open(&config, &bench.pool, err) : r;
}

static int fill_pool(struct tare_err *err)
{
	return box_pool_fill(bench.pool, err);
}

static int launch_pooled(struct tare_err *err)
{
	const struct box_exec exec = {.argv = payload,
				      .envp = no_environment,
				      .stdio = {bench.null, bench.null, bench.null}};
	struct box_pooled *used = NULL;
	struct box_process process;
	int r = box_pool_start(bench.pool, &exec, &process, &used, err);

	if (r < 0)
		return r;
	r = wait_for(process.pid, "the container", err);
	(void)close(process.pidfd);
	box_pool_give_back(used);
	return r;
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

static int launch_floor_command(struct tare_err *err)
{
	const char *const command[] = {bench.floor, busybox, applet, NULL};

	return run_command(command, err);
}

static int launch_tare(struct tare_err *err)
{
	const char *const command[] = {bench.tare, "exec",  "-e",   "container",
				       "--",       busybox, applet, NULL};

	return run_command(command, err);
}

static int launch_bwrap(struct tare_err *err)
{
	const char *const command[] = {
		"bwrap", "--unshare-all", "--ro-bind", bench.tree, "/",     "--proc", "/proc",
		"--dev", "/dev",          "--tmpfs",   "/tmp",     busybox, applet,   NULL};

	return run_command(command, err);
}

static int run_bundle(const char *runtime, struct tare_err *err)
{
	const char *const command[] = {runtime,    "--root",  bench.dir,         "run",
				       "--bundle", bench.dir, bench.peers_group, NULL};

	return run_command(command, err);
}

static int launch_crun(struct tare_err *err)
{
	return run_bundle("crun", err);
}

static int launch_runc(struct tare_err *err)
{
	return run_bundle("runc", err);
}

/* crun refuses a mixture of cgroup versions: it is run where the v2 hierarchy is not seen. */
static int hide(struct tare_err *err)
{
	return setns(bench.hidden, CLONE_NEWNS) < 0 ? err_errno(err, "enter the mounts") : 0;
}

static int unhide(struct tare_err *err)
{
	return setns(bench.mounts, CLONE_NEWNS) < 0 ? err_errno(err, "leave the mounts") : 0;
}

static int open_mounts(struct tare_err *err)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, "open the mount namespace") : fd;
}

static int make_hidden(struct tare_err *err)
{
	const char *v2 = bench.layout.unified.mount;
	int r;

	bench.mounts = open_mounts(err);
	if (bench.mounts < 0)
		return bench.mounts;
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, "make a mount namespace");
	/* A tmpfs in its place, into which it may make its folder. */
	r = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			    (strcmp(cgroup_layout_mode(&bench.layout), "hybrid") == 0 &&
			     mount("tare-bench", v2, "tmpfs", 0, NULL) < 0)
		    ? err_errno(err, "hide '%s'", v2)
		    : 0;
	if (r == 0)
		r = bench.hidden = open_mounts(err);
	return r < 0 ? r : unhide(err);
}

/* The runtime's own default specification, with our program, root and the same controllers. */
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
			  "linux", "cgroupsPath", bench.peers_group);

	if (!config || !ours || json_object_update_recursive(config, ours) < 0 ||
	    json_dump_file(config, path, 0) < 0)
		return err_set(err, EIO, "cannot edit '%s'", path);
	return 0;
}

int ways_open(const char *binary_dir, struct tare_err *err)
{
	struct tare_err why = {0};
	int r;

	(void)snprintf(bench.dir, sizeof(bench.dir), "/tmp/tare-bench-XXXXXX");
	(void)snprintf(bench.load, sizeof(bench.load), "%s/tare-load", binary_dir);
	(void)snprintf(bench.tare, sizeof(bench.tare), "%s/tare", binary_dir);
	(void)snprintf(bench.floor, sizeof(bench.floor), "%s/launch_floor", binary_dir);
	bench.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!mkdtemp(bench.dir) || bench.null < 0)
		return err_errno(err, "prepare");
	r = journal_open(&bench.journal, err);
	if (r < 0)
		return r;
	(void)snprintf(bench.group, sizeof(bench.group), "tare-%s-bench",
		       journal_name(bench.journal));
	(void)snprintf(bench.peers_group, sizeof(bench.peers_group), "tare-%s-peers",
		       journal_name(bench.journal));
	/* What they leave behind when they fail. */
	r = journal_note(bench.journal, JOURNAL_CGROUP, bench.peers_group, err);
	if (r < 0)
		return r;
	bench.place = (struct box_place){
		.load_path = bench.load, .cache_dir = bench.dir, .journal = bench.journal};
	r = cgroup_layout_read(&bench.layout, err);
	if (r == 0)
		r = rootfs_prepare(&bench.place, 0, bench.tree, err);
	if (r == 0)
		r = make_hidden(err);
	if (r == 0)
		r = open_pool(err);
	if (r == 0 && make_bundle(&why) < 0)
		(void)printf("no bundle for crun and runc: %s\n", why.msg);
	return r;
}

void ways_close(void)
{
	struct tare_err err = {0};

	if (box_pool_close(bench.pool, &err) < 0)
		(void)fprintf(stderr, "bench_launch: %s\n", err.msg);
	if (bench.journal && journal_close(bench.journal, &err) < 0)
		(void)fprintf(stderr, "bench_launch: %s\n", err.msg);
	(void)fd_remove_tree(bench.dir, NULL);
	(void)close(bench.null);
	(void)close(bench.mounts);
	(void)close(bench.hidden);
}

const struct way ways[N_WAYS] = {
	[WAY_FLOOR] = {"floor: clone3 of 8 namespaces, exec, exit", launch_floor, NULL, NULL},
	[WAY_FRESH] = {"container, own net, new cgroups", launch_fresh, NULL, NULL},
	[WAY_POOLED] = {"container, pools", launch_pooled, fill_pool, NULL},
	[WAY_FLOOR_COMMAND] = {"command: the floor", launch_floor_command, NULL, NULL},
	[WAY_TARE] = {"command: tare exec -e container", launch_tare, NULL, NULL},
	[WAY_BWRAP] = {"command: bwrap, no cgroup, no seccomp", launch_bwrap, NULL, NULL},
	[WAY_CRUN] = {"command: crun run", launch_crun, hide, unhide},
	[WAY_RUNC] = {"command: runc run", launch_runc, NULL, NULL},
	[WAY_PLAIN] = {"no box at all", launch_plain, NULL, NULL},
};
