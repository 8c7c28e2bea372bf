/* SPDX-License-Identifier: MIT */
#include "machine/vm/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "kernel/journal.h"

static int copy_range(int in, int out, off_t begin, off_t end, struct tare_err *err)
{
	off_t to = begin;

	while (begin < end) {
		ssize_t n = copy_file_range(in, &begin, out, &to, (size_t)(end - begin), 0);

		if (n < 0)
			return err_errno(err, "copy");
		if (n == 0)
			return err_set(err, ENODATA, "copy: the file became shorter");
	}
	return 0;
}

static int copy_data(int in, int out, struct tare_err *err)
{
	struct stat st;
	off_t at = 0;

	if (fstat(in, &st) < 0)
		return err_errno(err, "stat");
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, st.st_size) < 0)
		return err_errno(err, "make it %lld bytes long", (long long)st.st_size);
	for (;;) {
		off_t begin = lseek(in, at, SEEK_DATA), end;
		int r;

		if (begin < 0 && errno == ENXIO)
			return 0; /* only holes follow */
		if (begin < 0)
			return err_errno(err, "seek");
		end = lseek(in, begin, SEEK_HOLE);
		if (end < 0)
			return err_errno(err, "seek");
		r = copy_range(in, out, begin, end, err);
		if (r < 0)
			return r;
		at = end;
	}
}

int disk_copy_file(const char *from, const char *to, struct tare_err *err)
{
	cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);

	if (in < 0)
		return err_errno(err, "open '%s'", from);
	cleanup_close int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (out < 0)
		return err_errno(err, "make '%s'", to);
	return err_wrap(err, copy_data(in, out, err), "copy '%.40s' to '%.40s'", from, to);
}

int disk_copy(const char *image, const char *folder, const char *name, struct journal *journal,
	      char **ret_path, bool *ret_direct, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/.%s.disk", folder, name);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(journal, JOURNAL_PATH, path, err);
	if (r < 0)
		return r;
	r = disk_copy_file(image, path, err);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	cleanup_close int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	*ret_direct = fd >= 0;
	*ret_path = take_pointer(path);
	return 0;
}
