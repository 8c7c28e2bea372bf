/* SPDX-License-Identifier: MIT */
#include "kernel/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

/* Deeper trees are somebody's attempt to keep us busy: containers nest three or four deep. */
#define TREE_DEPTH    32
#define PIDS_PER_PASS 256
#define RETRY_MS_MAX  16

static DIR *open_dir(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		(void)close(fd);
	return dir;
}

/* The next group below; its directory's fd, -ENOENT at the end. */
static int next_below(DIR *dir, char name[256])
{
	struct dirent *entry;

	/* readdir: no other thread has this stream. */
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		int fd;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue; /* just removed */
		(void)snprintf(name, 256, "%s", entry->d_name);
		return fd;
	}
	return -ENOENT;
}

/* Up to max pids of a group itself. A pid of 0 is a process that our pid namespace does not
 * have. */
static size_t read_pids(int dirfd, pid_t *pids, size_t max)
{
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	char line[32];
	size_t n = 0;

	if (!f && fd >= 0)
		(void)close(fd);
	while (f && n < max && fgets(line, sizeof(line), f))
		pids[n++] = (pid_t)strtol(line, NULL, 10);
	return n;
}

static bool has_pid(int dirfd, pid_t pid)
{
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	char line[32];

	if (!f && fd >= 0)
		(void)close(fd);
	while (f && fgets(line, sizeof(line), f))
		if (strtol(line, NULL, 10) == pid)
			return true;
	return false;
}

/* A pass over a tree. */
struct pass {
	size_t members; /* found */
	pid_t first;    /* one of them */
	int pidfd;      /* of the last one that was killed, -1: none */
};

static void kill_one(int dirfd, pid_t pid, struct pass *pass)
{
	int pidfd;

	pass->members++;
	if (pass->members == 1)
		pass->first = pid;
	if (pid <= 0)
		return;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return;
	/* The pid may have become another process since it was read. Now that pidfd holds it,
	 * a pid still listed is either this process or a new one, and then pidfd's is dead and
	 * the signal goes nowhere. */
	if (has_pid(dirfd, pid))
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	cleanup_closep(&pass->pidfd);
	pass->pidfd = pidfd;
}

static void kill_pass(int dirfd, int depth, struct pass *pass)
{
	cleanup_dir DIR *dir = open_dir(dirfd);
	pid_t pids[PIDS_PER_PASS];
	size_t n = read_pids(dirfd, pids, PIDS_PER_PASS);
	char name[256];
	int fd;

	for (size_t i = 0; i < n; i++)
		kill_one(dirfd, pids[i], pass);
	while (dir && depth < TREE_DEPTH && (fd = next_below(dir, name)) >= 0) {
		kill_pass(fd, depth + 1, pass);
		(void)close(fd);
	}
}

static int say_who_is_left(const struct pass *pass, const char *name, struct tare_err *err)
{
	char path[64], comm[64] = "?";

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pass->first);
	if (fd_read_file_quiet(AT_FDCWD, path, comm, sizeof(comm)) > 0)
		comm[strcspn(comm, "\n")] = '\0';
	return err_set(err, ETIMEDOUT,
		       "cgroup '%s' is not empty in time: %zu or more are left, one is pid %d (%s)",
		       name, pass->members, (int)pass->first, comm);
}

static int kill_by_pid(int dirfd, const char *name, uint64_t end_ns, struct tare_err *err)
{
	for (;;) {
		struct pass pass = {.pidfd = -1};
		struct pollfd p;
		int left = clock_left_ms(clock_now_ns(), end_ns);

		kill_pass(dirfd, 0, &pass);
		if (pass.members == 0)
			return 0;
		/* Wait for one to die, but not for long: others may fork meanwhile. */
		p = (struct pollfd){.fd = pass.pidfd, .events = POLLIN};
		(void)poll(&p, 1, left < RETRY_MS_MAX ? left : RETRY_MS_MAX);
		cleanup_closep(&pass.pidfd);
		if (left == 0)
			return say_who_is_left(&pass, name, err);
	}
}

/* Wait for "populated 0", which the kernel tells by POLLPRI (cgroup-v2.rst). */
static int wait_empty(int dirfd, uint64_t end_ns)
{
	cleanup_close int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[256];

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int left = clock_left_ms(clock_now_ns(), end_ns);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (strstr(text, "populated 0"))
			return 0;
		if (left == 0)
			return -ETIMEDOUT;
		(void)poll(&p, 1, left);
	}
}

static void thaw(int dirfd, int depth)
{
	cleanup_dir DIR *dir = NULL;
	char name[256];
	int fd;

	/* ENOENT: no freezer in this hierarchy. */
	if (fd_write_file(dirfd, "freezer.state", "THAWED", NULL) < 0)
		return;
	dir = open_dir(dirfd);
	while (dir && depth < TREE_DEPTH && (fd = next_below(dir, name)) >= 0) {
		thaw(fd, depth + 1);
		(void)close(fd);
	}
}

void cgroup_tree_thaw(int dirfd)
{
	thaw(dirfd, 0);
}

int cgroup_tree_kill(int dirfd, int version, const char *name, uint64_t end_ns,
		     struct tare_err *err)
{
	/* Mostly there is nobody. cgroup.kill is of Linux 5.14, and a threaded group refuses it. */
	if (version == 2 && wait_empty(dirfd, 0) == 0)
		return 0;
	if (version == 2 && fd_write_file(dirfd, "cgroup.kill", "1", NULL) == 0 &&
	    wait_empty(dirfd, end_ns) == 0)
		return 0;
	return kill_by_pid(dirfd, name, end_ns, err);
}

static int remove_dir(int parent_fd, const char *name, uint64_t end_ns, struct tare_err *err)
{
	int wait_ms = 1;

	/* A task is out of the group a moment after it has died, which nothing tells in v1. */
	while (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_left_ms(clock_now_ns(), end_ns) == 0)
			return err_errno(err, "remove cgroup '%s'", name);
		(void)poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < RETRY_MS_MAX ? wait_ms * 2 : RETRY_MS_MAX;
	}
	return 0;
}

static int remove_tree(int parent_fd, const char *name, int depth, uint64_t end_ns,
		       struct tare_err *err)
{
	cleanup_close int fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : open_dir(fd);
	char below[256];
	int below_fd;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, "open cgroup '%s'", name);
	while (dir && depth < TREE_DEPTH && (below_fd = next_below(dir, below)) >= 0) {
		int r;

		(void)close(below_fd);
		r = remove_tree(fd, below, depth + 1, end_ns, err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return remove_dir(parent_fd, name, end_ns, err);
}

int cgroup_tree_remove(int parent_fd, const char *name, uint64_t end_ns, struct tare_err *err)
{
	return remove_tree(parent_fd, name, 0, end_ns, err);
}

/* A group as found in a hierarchy. */
struct found {
	int version, parent, fd;
};

static bool find_in(const struct cgroup_hierarchy *hierarchy, const char *name, struct found *ret)
{
	struct found found = {.version = hierarchy->version, .fd = -1};

	found.parent = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (found.parent >= 0)
		found.fd =
			openat(found.parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (found.fd < 0) {
		cleanup_closep(&found.parent);
		return false;
	}
	if (found.version == 1)
		cgroup_tree_thaw(found.fd);
	*ret = found;
	return true;
}

static int remove_found(const struct found *found, const char *name, uint64_t end_ns,
			struct tare_err *err)
{
	int r;

	if (has_pid(found->fd, getpid()))
		return err_set(err, EDEADLK, "cgroup '%s' holds tare itself: leave it first", name);
	r = cgroup_tree_kill(found->fd, found->version, name, end_ns, err);
	return r < 0 ? r : cgroup_tree_remove(found->parent, name, end_ns, err);
}

int cgroup_remove_named(const struct cgroup_layout *layout, const char *name, int timeout_ms,
			struct tare_err *err)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	struct found found[CGROUP_MAX_MOUNTS];
	size_t n_mounts = cgroup_layout_mounts(layout, mounts), n = 0;
	int failed = 0;

	for (size_t i = 0; i < n_mounts; i++)
		n += find_in(mounts[i], name, &found[n]);
	for (size_t i = 0; i < n; i++) {
		uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
		int r = remove_found(&found[i], name, end_ns, err);

		if (r < 0 && r != -ENOENT && !failed)
			failed = r;
		cleanup_closep(&found[i].fd);
		cleanup_closep(&found[i].parent);
	}
	return failed ? failed : (int)n;
}
