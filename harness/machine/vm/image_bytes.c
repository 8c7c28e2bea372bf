/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_bytes.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#define FIRST_ROOM (1 << 16)

void image_bytes_clear(struct image_bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct image_bytes){0};
}

struct image_bytes image_bytes_take(struct image_bytes *bytes)
{
	struct image_bytes taken = *bytes;

	*bytes = (struct image_bytes){0};
	return taken;
}

int image_bytes_read(const char *path, size_t max, struct image_bytes *ret, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_bytes struct image_bytes bytes = {0};
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a file", path);
	if ((uint64_t)st.st_size > max)
		return err_set(err, EFBIG, "'%s' is larger than %zu bytes", path, max);
	bytes.size = (size_t)st.st_size;
	bytes.at = malloc(bytes.size ? bytes.size : 1);
	if (!bytes.at)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_read_all(fd, bytes.at, bytes.size, err);
	if (r < 0)
		return err_wrap(err, r, "'%s'", path);
	*ret = image_bytes_take(&bytes);
	return 0;
}

int image_bytes_write(const struct image_bytes *bytes, const char *path, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_errno(err, "make '%s'", path);
	r = fd_write_all(fd, bytes->at, bytes->size, err);
	if (r < 0)
		return err_wrap(err, r, "'%s'", path);
	/* The cache believes what is there: a crash must not leave a hole with a good name. */
	if (fsync(fd) < 0)
		return err_errno(err, "fsync '%s'", path);
	return 0;
}

static int grow(struct image_bytes *bytes, size_t *room, size_t max, struct tare_err *err)
{
	unsigned char *more;

	if (bytes->size < *room)
		return 0;
	if (*room > max)
		return err_set(err, EFBIG, "unpack: it becomes larger than %zu bytes", max);
	*room = *room ? *room * 2 : FIRST_ROOM;
	more = realloc(bytes->at, *room);
	if (!more)
		return err_set(err, ENOMEM, "out of memory");
	bytes->at = more;
	return 0;
}

static int unpack(struct archive *a, size_t max, struct image_bytes *bytes, struct tare_err *err)
{
	struct archive_entry *entry;
	size_t room = 0;

	if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return err_set(err, EBADMSG, "unpack: %s", archive_error_string(a));
	if (archive_filter_count(a) < 2)
		return err_set(err, EBADMSG, "unpack: not packed in a form that is known here");
	for (;;) {
		int r = grow(bytes, &room, max, err);
		ssize_t n;

		if (r < 0)
			return r;
		n = archive_read_data(a, bytes->at + bytes->size, room - bytes->size);
		if (n < 0)
			return err_set(err, EBADMSG, "unpack: %s", archive_error_string(a));
		if (n == 0)
			break;
		bytes->size += (size_t)n;
	}
	return bytes->size <= max
		       ? 0
		       : err_set(err, EFBIG, "unpack: it becomes larger than %zu bytes", max);
}

int image_bytes_unpack(const void *packed, size_t size, size_t max, struct image_bytes *ret,
		       struct tare_err *err)
{
	cleanup_bytes struct image_bytes bytes = {0};
	struct archive *a = archive_read_new();
	int r;

	if (!a)
		return err_set(err, ENOMEM, "out of memory");
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_lz4(a);
	(void)archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, packed, size) != ARCHIVE_OK)
		r = err_set(err, EBADMSG, "unpack: %s", archive_error_string(a));
	else
		r = unpack(a, max, &bytes, err);
	(void)archive_read_free(a);
	if (r == 0)
		*ret = image_bytes_take(&bytes);
	return r;
}
