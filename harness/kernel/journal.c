/* SPDX-License-Identifier: MIT */
#include "kernel/journal.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/journal_undo.h"

struct journal {
	struct journal_places places;
	char name[JOURNAL_NAME_SIZE];
	char path[sizeof(((struct journal_places *)0)->runtime) + JOURNAL_NAME_SIZE];
	char dir[sizeof(((struct journal_places *)0)->runtime) + JOURNAL_NAME_SIZE + 2];
	int fd;                            /* locked as long as the run lives */
	atomic_size_t gone[JOURNAL_KINDS]; /* of those noted, known to be gone */
};

const char *const journal_kind_names[JOURNAL_KINDS] = {
	[JOURNAL_CGROUP] = "cgroup",   [JOURNAL_PROCESS] = "process", [JOURNAL_MOUNT] = "mount",
	[JOURNAL_PATH] = "path",       [JOURNAL_LINK] = "link",       [JOURNAL_LOOP] = "loop",
	[JOURNAL_SETTING] = "setting",
};

static int make_name(struct journal *journal, struct tare_err *err)
{
	time_t now = time(NULL);
	struct tm tm;
	uint16_t random;
	char date[24];

	if (getrandom(&random, sizeof(random), 0) != sizeof(random) || !gmtime_r(&now, &tm) ||
	    strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) == 0)
		return err_errno(err, "make a run's name");
	(void)snprintf(journal->name, sizeof(journal->name), "%s-%s%04x", date,
		       journal->places.mark, random);
	return 0;
}

static int make_file(struct journal *journal, struct tare_err *err)
{
	/* Two runs begun in one second share a random part once in 65536 times. */
	for (int attempt = 0; journal->fd < 0; attempt++) {
		int r = make_name(journal, err);

		if (r < 0)
			return r;
		(void)snprintf(journal->path, sizeof(journal->path), "%s/%s",
			       journal->places.runtime, journal->name);
		journal->fd =
			open(journal->path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (journal->fd < 0 && (errno != EEXIST || attempt == 8))
			return err_errno(err, "make the run's journal '%s'", journal->path);
	}
	return flock(journal->fd, LOCK_EX) < 0 ? err_errno(err, "lock '%s'", journal->path) : 0;
}

int journal_open(struct journal **ret, struct tare_err *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	cleanup_close int runtime_fd = -1;
	int r;

	if (!journal)
		return err_set(err, ENOMEM, "out of memory");
	journal->fd = -1;
	r = journal_places_read(&journal->places, true, err);
	if (r < 0)
		goto failed;
	/* Shared: whoever cleans takes it alone while he looks which runs are dead, so that he
	 * never sees a journal without a lock that is just being made. */
	runtime_fd = open(journal->places.runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (runtime_fd < 0 || flock(runtime_fd, LOCK_SH) < 0) {
		r = err_errno(err, "lock runtime folder '%s'", journal->places.runtime);
		goto failed;
	}
	r = make_file(journal, err);
	if (r < 0)
		goto failed;
	*ret = journal;
	return 0;
failed:
	cleanup_closep(&journal->fd);
	free(journal);
	return r;
}

const char *journal_name(const struct journal *journal)
{
	return journal->name;
}

const char *journal_dir(struct journal *journal, struct tare_err *err)
{
	(void)snprintf(journal->dir, sizeof(journal->dir), "%s.d", journal->path);
	if (mkdir(journal->dir, 0700) < 0 && errno != EEXIST) {
		(void)err_errno(err, "make the run's folder '%s'", journal->dir);
		return NULL;
	}
	return journal->dir;
}

static bool has_control(const char *text, const char *allowed)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) && !strchr(allowed, *text))
			return true;
	return false;
}

static int append(struct journal *journal, const char *line, struct tare_err *err)
{
	size_t size = strlen(line);
	struct stat before;
	ssize_t n;

	if (fstat(journal->fd, &before) < 0)
		return err_errno(err, "journal of run %s", journal->name);
	if (before.st_size + size > JOURNAL_SIZE_MAX)
		return err_set(err, EFBIG, "journal of run %s is full: divide the campaign",
			       journal->name);
	n = write(journal->fd, line, size);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0)
		errno = ENOSPC;
	(void)err_errno(err, "write to '%s'", journal->path);
	/* Else the next entry would continue this one's line. */
	if (n > 0 && ftruncate(journal->fd, before.st_size) < 0)
		return -EIO;
	return -ENOSPC;
}

/* The folder's real path, since taking down follows no link. */
static char *resolve_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = NULL;
	cleanup_free char *real = NULL;
	char *whole = NULL;

	if (!slash || path[0] != '/')
		return strdup(path);
	parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	real = parent ? realpath(parent, NULL) : NULL;
	if (!real)
		return strdup(path);
	return asprintf(&whole, "%s%s", strcmp(real, "/") == 0 ? "" : real, slash) < 0 ? NULL
										       : whole;
}

int journal_note(struct journal *journal, enum journal_kind kind, const char *argument,
		 struct tare_err *err)
{
	cleanup_free char *whole = NULL;
	cleanup_free char *line = NULL;
	int r;

	if (!journal)
		return 0;
	if (has_control(argument, kind == JOURNAL_SETTING ? "\t" : ""))
		return err_set(err, EINVAL, "journal: an entry has a control character in it");
	whole = kind == JOURNAL_PATH || kind == JOURNAL_MOUNT ? resolve_parent(argument)
							      : strdup(argument);
	if (!whole || asprintf(&line, "%s %s\n", journal_kind_names[kind], whole) < 0) {
		line = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	/* What would not be taken down is not to be made. */
	r = journal_check(&journal->places, journal->name, kind, whole, err);
	if (r < 0)
		return err_wrap(err, r, "journal of run %s", journal->name);
	return append(journal, line, err);
}

void journal_gone(struct journal *journal, enum journal_kind kind)
{
	if (journal)
		atomic_fetch_add(&journal->gone[kind], 1);
}

int journal_note_process(struct journal *journal, int pid, const char *name, struct tare_err *err)
{
	char argument[128];
	uint64_t start;
	int r;

	if (!journal)
		return 0;
	r = journal_start_time(pid, &start, err);
	if (r < 0)
		return r;
	(void)snprintf(argument, sizeof(argument), "%d %llu %.64s", pid, (unsigned long long)start,
		       name);
	return journal_note(journal, JOURNAL_PROCESS, argument, err);
}

int journal_close(struct journal *journal, struct tare_err *err)
{
	struct journal_undo undo;
	int failed;

	if (!journal)
		return 0;
	journal_undo_init(&undo, &journal->places, err);
	for (size_t kind = 0; kind < JOURNAL_KINDS; kind++)
		undo.gone[kind] = atomic_load(&journal->gone[kind]);
	journal_undo_run(&undo, journal->name, journal->fd);
	failed = undo.failed;
	(void)close(journal->fd);
	free(journal);
	return failed;
}
