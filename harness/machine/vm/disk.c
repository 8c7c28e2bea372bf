/* SPDX-License-Identifier: MIT */
#include "machine/vm/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "kernel/journal.h"
#include "machine/vm/disk_mode.h"
#include "machine/vm/image_mke2fs.h"
#include "vm_images.h"

#define MKE2FS_MS  120000
#define DISK_BLOCK 4096 /* of its filesystem, and of any disk */

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

int disk_make_file(const char *path, uint64_t bytes, struct journal *journal, struct tare_err *err)
{
	cleanup_free char *recipe = strdup(VM_IMAGES_WORK_DISK);
	char size[32], *end = recipe ? strrchr(recipe, '\n') : NULL;
	struct image_mke2fs make = {
		.recipe = recipe,
		.path = path,
		.timeout_ms = MKE2FS_MS,
		.journal = journal,
	};

	if (!recipe)
		return err_set(err, ENOMEM, "out of memory");
	if (bytes) {
		/* Its last line is the size. */
		if (end && !end[1]) {
			*end = '\0';
			end = strrchr(recipe, '\n');
		}
		if (end)
			*end = '\0';
		(void)snprintf(size, sizeof(size), "%lluK", (unsigned long long)(bytes >> 10));
		make.size = size;
	}
	return image_mke2fs(&make, err);
}

int disk_parse_size(const char *what, const char *text, uint64_t *ret, struct tare_err *err)
{
	int r = units_parse_size(what, text, ret, err);

	if (r < 0)
		return r;
	if (*ret < DISK_LEAST || *ret > DISK_MOST)
		return err_set(err, EINVAL, "%s: a work disk has 64M to 64G, not '%.40s'", what,
			       text);
	*ret -= *ret % DISK_BLOCK;
	return 0;
}

int disk_make(const struct disk_plan *plan, char **ret_path, bool *ret_direct, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/.%s.disk", plan->folder, plan->name);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(plan->journal, JOURNAL_PATH, path, err);
	if (r < 0)
		return r;
	r = plan->image ? disk_copy_file(plan->image, path, err)
			: err_wrap(err, disk_make_file(path, plan->bytes, plan->journal, err),
				   "make the work disk");
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	cleanup_close int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	*ret_direct = fd >= 0;
	*ret_path = take_pointer(path);
	return 0;
}

json_t *disk_describe(const char *kind, const char *path, const struct disk_mode *mode, bool direct)
{
	struct stat st = {0};

	(void)stat(path, &st);
	return json_pack("{ss so ss* ss* sb}", "kind", kind, "bytes",
			 json_u64((uint64_t)st.st_size), "cache",
			 mode ? disk_cache_name(mode->cache) : NULL, "aio",
			 mode ? disk_aio_name(mode->aio) : NULL, "direct", direct);
}
