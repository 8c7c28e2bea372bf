/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup_tree.h"
#include "kernel/journal_undo.h"
#include "kernel/scratch.h"

/* The sentence of a "for each name of a folder". */
typedef void (*name_visitor)(struct journal_undo *undo, int dirfd, const char *name, void *context);

static void for_each_name(struct journal_undo *undo, const char *path, name_visitor visit,
			  void *context)
{
	cleanup_dir DIR *dir = opendir(path);
	struct dirent *entry;

	/* readdir: no other thread has this stream. */
	while (dir && (entry = readdir(dir))) /* NOLINT(concurrency-mt-unsafe) */
		visit(undo, dirfd(dir), entry->d_name, context);
}

static int open_journal(int runtime_fd, const char *run, int flags)
{
	return openat(runtime_fd, run, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* A run is alive as long as somebody holds its journal. Asked anew for each thing, since runs
 * begin meanwhile; a run has its journal before it has anything else. */
static bool is_alive(const struct journal_undo *undo, const char *run)
{
	cleanup_close int runtime_fd =
		open(undo->places->runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = runtime_fd < 0 ? -1 : open_journal(runtime_fd, run, O_RDONLY);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

/* Take a dead run's journal for us alone; -1: it is alive (*ret_alive), or no run. */
static int claim(int runtime_fd, const char *run, bool *ret_alive)
{
	cleanup_close int fd = -1;

	*ret_alive = false;
	/* Nobody is making a run now: see journal_open. */
	if (flock(runtime_fd, LOCK_EX) < 0)
		return -1;
	fd = open_journal(runtime_fd, run, O_RDWR);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		*ret_alive = true;
		cleanup_closep(&fd);
		fd = -1;
	}
	(void)flock(runtime_fd, LOCK_UN);
	return take_fd(&fd);
}

static void visit_run(struct journal_undo *undo, int runtime_fd, const char *name, void *context)
{
	struct journal_cleaned *cleaned = context;
	cleanup_close int fd = -1;
	struct stat st;
	bool alive;

	if (!journal_name_is_ours(undo->places, name) ||
	    fstatat(runtime_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	fd = claim(runtime_fd, name, &alive);
	cleaned->alive += alive;
	if (fd < 0)
		return;
	journal_undo_run(undo, name, fd);
	cleaned->runs++;
}

/* "tare-RUN..." of a run of this runtime folder that is dead, or was never noted. */
static bool is_leftover(const struct journal_undo *undo, int dirfd, const char *name)
{
	char run[JOURNAL_NAME_SIZE];
	struct stat st;

	return journal_name_of(name, run) && journal_name_is_ours(undo->places, run) &&
	       fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == geteuid() &&
	       !is_alive(undo, run);
}

static void visit_cgroup(struct journal_undo *undo, int dirfd, const char *name, void *context)
{
	(void)context;
	if (is_leftover(undo, dirfd, name))
		journal_undo_cgroup(undo, name);
}

static void visit_temp(struct journal_undo *undo, int dirfd, const char *name, void *context)
{
	struct tare_err err = {0};

	(void)context;
	if (!is_leftover(undo, dirfd, name))
		return;
	if (fd_remove_tree_at(dirfd, name, &err) < 0)
		journal_undo_failed(undo, &err);
	else
		journal_undo_did(undo, "path", name);
}

/* An interface's name has room for the last part of its run's only. */
struct word_search {
	const char *word;
	size_t length;
	bool found_alive;
};

static void visit_word(struct journal_undo *undo, int dirfd, const char *name, void *context)
{
	struct word_search *search = context;
	const char *word = strrchr(name, '-');

	(void)dirfd;
	if (word && journal_name_is_ours(undo->places, name) &&
	    strncmp(word + 1, search->word, search->length) == 0 &&
	    strlen(word + 1) == search->length && is_alive(undo, name))
		search->found_alive = true;
}

static void sweep_links(struct journal_undo *undo)
{
	struct if_nameindex *all = geteuid() == 0 ? if_nameindex() : NULL;

	for (struct if_nameindex *link = all; link && link->if_index; link++) {
		struct word_search search = {.word = link->if_name + 5};
		char shaped[64];

		if (strncmp(link->if_name, "tare-", 5) != 0)
			continue;
		/* With any date before it, it has to be a run's name. */
		search.length = strcspn(search.word, "-.");
		(void)snprintf(shaped, sizeof(shaped), "00000000-000000-%.*s", (int)search.length,
			       search.word);
		if (!journal_name_is_ours(undo->places, shaped))
			continue;
		for_each_name(undo, undo->places->runtime, visit_word, &search);
		if (!search.found_alive)
			journal_undo_link(undo, link->if_name);
	}
	if (all)
		if_freenameindex(all);
}

static void swept(const char *path, void *context)
{
	journal_undo_did(context, "path", path);
}

static void sweep_scratch(struct journal_undo *undo)
{
	struct tare_err err = {0};
	char path[SCRATCH_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/" SCRATCH_WORK, undo->places->cache);
	if (scratch_sweep(path, swept, undo, &err) < 0)
		journal_undo_failed(undo, &err);
}

#define LOOKS 6
static const struct timespec between_looks = {.tv_nsec = 100 * NS_PER_MS};

static int begin(struct journal_places *places, struct journal_undo *undo, struct tare_err *err)
{
	int r = journal_places_read(places, false, err);

	if (r < 0)
		return r;
	journal_undo_init(undo, places, err);
	return 0;
}

int journal_clean(struct journal_cleaned *ret, void (*say)(const char *what, void *context),
		  void *context, struct tare_err *err)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	struct journal_cleaned cleaned = {0};
	struct journal_places places;
	struct journal_undo undo;
	int r = begin(&places, &undo, err);

	if (r < 0)
		return r;
	undo.say = say;
	undo.context = context;
	/* The last children of a run that was just killed hold its journal until they have
	 * exited, namespaces and all: who seems alive is asked again for a while. */
	for (int look = 0; look < LOOKS && (look == 0 || cleaned.alive > 0); look++) {
		if (look > 0)
			(void)nanosleep(&between_looks, NULL);
		cleaned.alive = 0;
		for_each_name(&undo, places.runtime, visit_run, &cleaned);
	}
	for (size_t i = 0, n = cgroup_layout_mounts(journal_undo_layout(&undo), mounts); i < n; i++)
		for_each_name(&undo, mounts[i]->mount, visit_cgroup, NULL);
	sweep_links(&undo);
	for_each_name(&undo, places.temp, visit_temp, NULL);
	sweep_scratch(&undo);
	cleaned.things = undo.things;
	*ret = cleaned;
	return undo.failed;
}

struct group_visit {
	void (*take)(const char *run, const char *group, void *context);
	void *context;
};

static void visit_group(struct journal_undo *undo, int dirfd, const char *name, void *context)
{
	const struct group_visit *visit = context;
	char run[JOURNAL_NAME_SIZE];

	(void)dirfd;
	if (journal_name_of(name, run) && journal_name_is_ours(undo->places, run) &&
	    is_alive(undo, run))
		visit->take(run, name, visit->context);
}

int journal_each_group(const char *mount,
		       void (*take)(const char *run, const char *group, void *context),
		       void *context, struct tare_err *err)
{
	struct journal_places places;
	struct journal_undo undo;
	int r = begin(&places, &undo, err);

	if (r < 0)
		return r;
	for_each_name(&undo, mount, visit_group, &(struct group_visit){take, context});
	return 0;
}
