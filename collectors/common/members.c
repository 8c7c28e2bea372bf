/* SPDX-License-Identifier: MIT */
#include "common/members.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define GROUPS_DEPTH 16

struct walk {
	bool (*take)(const char *pid, void *context);
	void *context;
	uint64_t missed;
	bool enough;
};

/* A group that has just been removed holds nobody. */
static bool is_gone(int code)
{
	return code == ENOENT || code == ENODEV;
}

/* False: they could not be read. */
static bool take_processes(struct walk *walk, int dirfd)
{
	int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char pid[32];

	if (!list) {
		bool gone = is_gone(errno);

		cleanup_closep(&fd);
		return gone;
	}
	while (!walk->enough && fgets(pid, sizeof(pid), list)) {
		pid[strcspn(pid, "\n")] = '\0';
		walk->enough = !walk->take(pid, walk->context);
	}
	/* Whoever is in a threaded group is in the list of the one above it (cgroup-v2.rst,
	 * Threads). */
	return !ferror(list) || errno == EOPNOTSUPP || is_gone(errno);
}

static void walk_group(struct walk *walk, int dirfd, int depth);

static void walk_below(struct walk *walk, int dirfd, const char *name, int depth)
{
	cleanup_close int below = -1;

	if (depth < GROUPS_DEPTH)
		below = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below >= 0)
		walk_group(walk, below, depth + 1);
	else
		walk->missed += depth >= GROUPS_DEPTH || !is_gone(errno);
}

static void walk_group(struct walk *walk, int dirfd, int depth)
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	bool whole = dir || is_gone(errno);
	struct dirent *entry;

	if (!dir)
		cleanup_closep(&copy);
	whole = take_processes(walk, dirfd) && whole;
	walk->missed += !whole;
	/* readdir: no other thread has this stream. */
	while (dir && !walk->enough && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			walk_below(walk, dirfd, entry->d_name, depth);
	}
}

uint64_t members_each(int dirfd, bool (*take)(const char *pid, void *context), void *context)
{
	struct walk walk = {.take = take, .context = context};

	walk_group(&walk, dirfd, 0);
	return walk.missed;
}
