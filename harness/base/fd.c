/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

int fd_write_all(int fd, const void *buf, size_t size, struct tare_err *err)
{
	const char *at = buf;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "write");
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_read_all(int fd, void *buf, size_t size, struct tare_err *err)
{
	char *at = buf;

	while (size > 0) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read");
		if (n == 0)
			return err_set(err, ENODATA, "read: the other side closed");
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_file_quiet(int dirfd, const char *path, char *buf, size_t size)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;

	while (used < size) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buf[used] = '\0';
			return (ssize_t)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

ssize_t fd_read_file(int dirfd, const char *path, char *buf, size_t size, struct tare_err *err)
{
	ssize_t n = fd_read_file_quiet(dirfd, path, buf, size);

	if (n == -EFBIG)
		return err_set(err, EFBIG, "read '%s': more than %zu bytes", path, size);
	if (n < 0) {
		errno = (int)-n;
		return err_errno(err, "read '%s'", path);
	}
	return n;
}

int fd_open_plain(int dirfd, const char *path, long long max, struct tare_err *err)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open '%.180s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "'%.180s' is no plain file", path);
	if (st.st_size > max)
		return err_set(err, EFBIG, "'%.160s' is larger than %lld MiB", path, max >> 20);
	return take_fd(&fd);
}

int fd_write_file(int dirfd, const char *path, const char *text, struct tare_err *err)
{
	cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open '%s'", path);
	if (write(fd, text, strlen(text)) < 0)
		return err_errno(err, "write '%.60s' to '%s'", text, path);
	return 0;
}

int fd_sync_file(const char *path, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, "fsync '%s'", path);
	return 0;
}

int fd_make_dirs(const char *path, struct tare_err *err)
{
	cleanup_free char *copy = NULL;

	/* Mostly it is there; asking locks nothing, and many may ask at once. */
	if (access(path, F_OK) == 0)
		return 0;
	copy = strdup(path);
	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *p = copy + 1;; p++) {
		char was = *p;

		if (was != '/' && was != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_errno(err, "make folder '%s'", copy);
		*p = was;
		if (was == '\0')
			return 0;
	}
}

/* Deeper folders are not made by anything that tare runs. */
#define REMOVE_DEPTH 256

/* As a folder, so that nobody who may rename things meanwhile can lead us elsewhere. */
static int open_below(int parent_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, parent_fd, name, &how, sizeof(how));
}

static int remove_below(int parent_fd, const char *name, int depth, struct tare_err *err);

static int remove_content(DIR *dir, int depth, struct tare_err *err)
{
	struct dirent *entry;

	/* readdir: no other thread has this stream. */
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_below(dirfd(dir), entry->d_name, depth, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int remove_below(int parent_fd, const char *name, int depth, struct tare_err *err)
{
	DIR *dir;
	int fd, r;

	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* unlink(2) gives EISDIR for a folder, POSIX wants EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return err_errno(err, "remove '%s'", name);
	if (depth == 0)
		return err_set(err, ELOOP, "remove '%s': nested too deep", name);
	fd = open_below(parent_fd, name);
	if (fd < 0)
		return err_errno(err, "remove folder '%s'", name);
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	r = remove_content(dir, depth - 1, err);
	(void)closedir(dir);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_errno(err, "remove folder '%s'", name);
	return r;
}

int fd_remove_tree_at(int parent_fd, const char *name, struct tare_err *err)
{
	return remove_below(parent_fd, name, REMOVE_DEPTH, err);
}

int fd_remove_tree(const char *path, struct tare_err *err)
{
	cleanup_free char *copy = strdup(path);
	cleanup_close int parent_fd = -1;
	size_t n = strlen(path);
	char *slash;
	int r;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	parent_fd = open(!slash ? "." : *copy ? copy : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, "remove '%s'", path);
	r = fd_remove_tree_at(parent_fd, slash ? slash + 1 : copy, err);
	return r < 0 ? err_wrap(err, r, "'%s'", path) : 0;
}

int fd_wait_readable(int fd, int timeout_ms, struct tare_err *err)
{
	uint64_t end = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int n = poll(&p, 1, timeout_ms);
		uint64_t now;

		if (n >= 0)
			return n;
		if (errno != EINTR)
			return err_errno(err, "poll");
		if (timeout_ms < 0)
			continue;
		now = clock_now_ns();
		if (now >= end)
			return 0;
		timeout_ms = (int)((end - now) / NS_PER_MS);
	}
}
