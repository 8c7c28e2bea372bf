/* SPDX-License-Identifier: MIT */
#include "base/newfile.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"

/* PATH of the file that a link leads to, so that the link is not what is replaced. */
static char *target_of(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

static bool is_replaced(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The one that was there before keeps its permissions. */
static void keep_mode(int fd, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		(void)fchmod(fd, st.st_mode & 07777);
}

static int open_beside(const char *path, struct newfile *file, struct tare_err *err)
{
	cleanup_free char *beside = text_format("%s.%d.new", path, (int)getpid());
	cleanup_close int fd = -1;

	/* A file that may not be written must not be replaced either. */
	if (access(path, F_OK) == 0 && access(path, W_OK) < 0)
		return err_errno(err, "write '%.200s'", path);
	if (!beside)
		return err_set(err, ENOMEM, "out of memory");
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(err, "write '%.200s'", path);
	keep_mode(fd, path);
	file->file = fdopen(fd, "w");
	if (!file->file) {
		(void)unlink(beside);
		return err_errno(err, "write '%.200s'", path);
	}
	(void)take_fd(&fd);
	file->beside = take_pointer(beside);
	return 0;
}

int newfile_open(const char *path, struct newfile *ret, struct tare_err *err)
{
	cleanup_newfile struct newfile file = {.path = target_of(path)};
	int r;

	if (!file.path)
		return err_set(err, ENOMEM, "out of memory");
	if (is_replaced(file.path)) {
		r = open_beside(file.path, &file, err);
		if (r < 0)
			return r;
	} else {
		file.file = fopen(file.path, "we");
		if (!file.file)
			return err_errno(err, "write '%.200s'", path);
	}
	*ret = file;
	file = (struct newfile){0};
	return 0;
}

int newfile_check(const char *path, struct tare_err *err)
{
	cleanup_newfile struct newfile file = {0};

	/* To open a pipe would wait for its reader. */
	if (!is_replaced(path))
		return is_folder(path)
			       ? err_set(err, EISDIR, "write '%.200s': it is a folder", path)
		       : access(path, W_OK) < 0 ? err_errno(err, "write '%.200s'", path)
						: 0;
	return newfile_open(path, &file, err);
}

int newfile_commit(struct newfile *file, struct tare_err *err)
{
	FILE *f = take_pointer(file->file);
	/* A write that failed earlier has left its mark alone. */
	bool failed = ferror(f);
	int r = 0;

	if (failed)
		r = err_set(err, EIO,
			    "write '%.200s': not all of it could be written, is the disk full?",
			    file->path);
	else if (fflush(f) != 0 || (file->beside && fsync(fileno(f)) < 0))
		r = err_errno(err, "write '%.200s'", file->path);
	if (fclose(f) != 0 && r == 0)
		r = err_errno(err, "write '%.200s'", file->path);
	if (r == 0 && file->beside && rename(file->beside, file->path) < 0)
		r = err_errno(err, "write '%.200s'", file->path);
	if (r == 0)
		free(take_pointer(file->beside));
	return r;
}

int newfile_write_json(const char *path, const json_t *document, size_t flags, struct tare_err *err)
{
	cleanup_newfile struct newfile file = {0};
	int r = newfile_open(path, &file, err);

	if (r < 0)
		return r;
	/* Its failures are those of the file, which commit tells. */
	(void)json_dumpf(document, file.file, flags);
	(void)fputc('\n', file.file);
	return newfile_commit(&file, err);
}

void newfile_drop(struct newfile *file)
{
	cleanup_fclosep(&file->file);
	if (file->beside)
		(void)unlink(file->beside);
	free(file->beside);
	free(file->path);
	*file = (struct newfile){0};
}
