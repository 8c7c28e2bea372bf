/* SPDX-License-Identifier: MIT */
#pragma once
/* fd: whole reads and writes of descriptors and small files. */

#include <stddef.h>
#include <sys/types.h>

struct tare_err;

/* Write all of it. -errno as write(2). */
int fd_write_all(int fd, const void *buf, size_t size, struct tare_err *err);

/* Read exactly size bytes. -ENODATA: the end came first (also at once). */
int fd_read_all(int fd, void *buf, size_t size, struct tare_err *err);

/* Read the file of dirfd (AT_FDCWD for the working directory) into buf, which is ended by
 * a NUL. Gives back the length. -EFBIG: it does not fit. */
ssize_t fd_read_file(int dirfd, const char *path, char *buf, size_t size, struct tare_err *err);

/* As fd_read_file, without the error's words: for files that may be absent. */
ssize_t fd_read_file_quiet(int dirfd, const char *path, char *buf, size_t size);

/* Open a regular file of at most max bytes to read it: folders of strangers may hold links to
 * elsewhere, and pipes that nobody ever writes to. -EBADMSG: it is none; -EFBIG: it is larger. */
int fd_open_plain(int dirfd, const char *path, long long max, struct tare_err *err);

/* Write text to an existing file in one write(2), as kernel files want it. */
int fd_write_file(int dirfd, const char *path, const char *text, struct tare_err *err);

/* Have what was written to the file, by whomever, outlive a crash. */
int fd_sync_file(const char *path, struct tare_err *err);

/* Make a directory and those above it, mode 0755 where they are missing. */
int fd_make_dirs(const char *path, struct tare_err *err);

/* Remove what is at path and below, following no link below its parent and entering no mount,
 * not even a bind mount of the same filesystem: -EBUSY or -EXDEV. A missing path is no error. */
int fd_remove_tree(const char *path, struct tare_err *err);
/* The same for a name in a folder. */
int fd_remove_tree_at(int parent_fd, const char *name, struct tare_err *err);

/* Wait until fd is readable: 1, or 0 when timeout_ms (-1: none) has passed first. */
int fd_wait_readable(int fd, int timeout_ms, struct tare_err *err);
