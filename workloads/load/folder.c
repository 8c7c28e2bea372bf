/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/units.h"
#include "workload.h"

#define FILL_BLOCK 65536

const char *workload_work_dir(void)
{
	const char *dir = getenv("TARE_WORK"); /* NOLINT(concurrency-mt-unsafe): before threads */

	return dir && *dir ? dir : ".";
}

/* "d/d/d" of the folders down to the n-th. */
static const char *nested(char *buf, unsigned int n)
{
	char *at = buf;

	for (unsigned int i = 0; i < n; i++) {
		*at++ = 'd';
		*at++ = '/';
	}
	at[-1] = '\0';
	return buf;
}

int folder_make(struct folder *folder, unsigned int depth, struct tare_err *err)
{
	const char *work = workload_work_dir();
	char path[sizeof(folder->path)];
	size_t at = 2 * ((size_t)depth - 1);

	folder->fd = -1;
	if ((size_t)snprintf(path, sizeof(path), "%s/tare-load-XXXXXX", work) >= sizeof(path))
		return err_set(err, ENAMETOOLONG, "the name of the work folder is too long");
	/* Players of several boxes share a work folder, and may all be PID 1. */
	if (!mkdtemp(path))
		return err_errno(err, "make a folder in '%s'", work);
	memcpy(folder->path, path, sizeof(path));
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return err_errno(err, "open '%s'", path);
	for (folder->depth = 1; folder->depth < depth; folder->depth++) {
		(void)nested(folder->file, folder->depth);
		if (mkdirat(folder->fd, folder->file, 0700) < 0)
			return err_errno(err, "make folder '%s' in '%s'", folder->file, path);
		folder->file[2 * folder->depth - 1] = '/';
	}
	folder->file[at] = 'f';
	folder->file[at + 1] = '\0';
	return 0;
}

void folder_remove(struct folder *folder)
{
	char dir[sizeof(folder->file)];

	if (folder->path[0] == '\0')
		return;
	if (folder->fd >= 0) {
		(void)unlinkat(folder->fd, folder->file, 0);
		for (unsigned int n = folder->depth - 1; n > 0; n--)
			(void)unlinkat(folder->fd, nested(dir, n), AT_REMOVEDIR);
		(void)close(folder->fd);
	}
	(void)rmdir(folder->path);
	folder->path[0] = '\0';
}

static int fill(int fd, size_t size, struct tare_err *err)
{
	static char block[FILL_BLOCK];

	memset(block, 't', sizeof(block));
	for (size_t at = 0; at < size;) {
		size_t part = size - at < sizeof(block) ? size - at : sizeof(block);
		ssize_t n = write(fd, block, part);

		if (n < 0)
			return err_errno(err, "fill a file of %zu bytes", size);
		at += (size_t)n;
	}
	return fsync(fd) < 0 ? err_errno(err, "fsync a file of %zu bytes", size) : 0;
}

int folder_make_file(const struct folder *folder, size_t size, int flags, struct tare_err *err)
{
	cleanup_close int fd =
		openat(folder->fd, folder->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r, again;

	if (fd < 0)
		return err_errno(err, "make file '%s' in '%s'", folder->file, folder->path);
	r = fill(fd, size, err);
	if (r < 0)
		return r;
	again = openat(folder->fd, folder->file, O_RDWR | O_CLOEXEC | flags);
	if (again < 0 && errno == EINVAL && (flags & O_DIRECT))
		return err_set(err, EINVAL,
			       "the filesystem of '%s' has no O_DIRECT: say direct=off",
			       folder->path);
	if (again < 0)
		return err_errno(err, "open file '%s' in '%s'", folder->file, folder->path);
	return again;
}

int folder_make_with_file(struct folder *folder, const char *depth, struct tare_err *err)
{
	uint64_t names;
	int r = units_parse_count("depth", depth, 1, FOLDER_DEPTH_MAX, &names, err);

	if (r < 0)
		return r;
	r = folder_make(folder, (unsigned int)names, err);
	if (r < 0)
		return r;
	r = folder_make_file(folder, 1, 0, err);
	if (r < 0)
		return r;
	(void)close(r);
	return 0;
}
