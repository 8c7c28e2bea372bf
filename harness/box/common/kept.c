/* SPDX-License-Identifier: MIT */
#include "box/common/kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "box/box.h"
#include "kernel/journal.h"

static int verify_store(const char *store, struct tare_err *err)
{
	struct stat st;

	if (lstat(store, &st) < 0)
		return err_errno(err, "look at '%s'", store);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return err_set(err, EPERM, "others can write to '%s': make it yours alone", store);
	return 0;
}

int kept_store(const struct box_place *place, const char *kind, char ret[KEPT_PATH_SIZE],
	       struct tare_err *err)
{
	int n = snprintf(ret, KEPT_STORE_MAX + 1, "%s/%s", place->cache_dir, kind);
	int r;

	if (n < 0 || n > KEPT_STORE_MAX)
		return err_set(err, ENAMETOOLONG, "the cache folder's name is too long: '%.60s...'",
			       place->cache_dir);
	r = fd_make_dirs(ret, err);
	return r == 0 ? verify_store(ret, err) : r;
}

static int fill_aside(const char *aside, int (*fill)(void *, int, struct tare_err *), void *context,
		      struct tare_err *err)
{
	cleanup_close int dirfd = -1;

	if (mkdir(aside, 0700) < 0)
		return err_errno(err, "make folder '%s'", aside);
	dirfd = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd < 0 ? err_errno(err, "open '%s'", aside) : fill(context, dirfd, err);
}

int kept_make(const struct box_place *place, const char *path,
	      int (*fill)(void *context, int dirfd, struct tare_err *err), void *context,
	      struct tare_err *err)
{
	const char *name = strrchr(path, '/') + 1;
	char aside[KEPT_PATH_SIZE];
	int r;

	(void)snprintf(aside, sizeof(aside), "%.*stare-new-%d-%.16s", (int)(name - path), path,
		       getpid(), name);
	r = journal_note(place->journal, JOURNAL_PATH, aside, err);
	if (r < 0)
		return r;
	(void)fd_remove_tree(aside, NULL); /* of a dead process that had our pid */
	r = fill_aside(aside, fill, context, err);
	if (r == 0 && rename(aside, path) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		r = err_errno(err, "rename '%s' to '%s'", aside, path);
	/* Still there if another was faster, or after an error. */
	(void)fd_remove_tree(aside, NULL);
	return r;
}
