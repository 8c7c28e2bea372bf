/* SPDX-License-Identifier: MIT */
#include "lab/run/tree.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "image/import.h"
#include "image/keep.h"
#include "kernel/journal.h"
#include "lab/run/work.h"

#define BUSYBOX   "/bin/busybox"
#define PIECE     65536
#define SHELL_MAX (64L << 20)
#define MIB       ((size_t)1024 * 1024)

/* A program header that names an interpreter says that it is linked to libraries, which the image
 * does not have. */
int tree_probe(struct tare_err *err)
{
	cleanup_close int fd = open(BUSYBOX, O_RDONLY | O_CLOEXEC);
	char head[4096] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));

	if (n < 0)
		return err_set(err, ENOTSUP, "there is no " BUSYBOX ": install busybox-static");
	if (memmem(head, (size_t)n, "/ld-", 4))
		return err_set(err, ENOTSUP,
			       BUSYBOX " is linked to libraries: install busybox-static");
	return 0;
}

static int copy_shell(const char *dir, struct tare_err *err)
{
	cleanup_free char *to = text_format("%s/bin/sh", dir);
	cleanup_free char *df = text_format("%s/bin/df", dir);
	cleanup_close int in = open(BUSYBOX, O_RDONLY | O_CLOEXEC);
	cleanup_close int out = to ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755) : -1;
	off_t at = 0;

	if (in < 0 || out < 0 || !df)
		return err_errno(err, "copy " BUSYBOX);
	while (at < SHELL_MAX) {
		ssize_t n = sendfile(out, in, &at, PIECE);

		if (n < 0)
			return err_errno(err, "copy " BUSYBOX);
		if (n == 0)
			break;
	}
	return symlink("sh", df) < 0 ? err_errno(err, "make '%.200s'", df) : 0;
}

/* Nothing that a filesystem could leave out or press: a sequence by Marsaglia (xorshift64). */
static int write_file(const char *path, uint64_t state, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	uint64_t piece[PIECE / sizeof(uint64_t)];

	if (fd < 0)
		return err_errno(err, "write '%.200s'", path);
	for (size_t i = 0; i < TREE_FILE_MIB * MIB / PIECE; i++) {
		int r;

		for (size_t k = 0; k < PIECE / sizeof(uint64_t); k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			piece[k] = state;
		}
		r = fd_write_all(fd, piece, PIECE, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_tree(const char *dir, struct tare_err *err)
{
	cleanup_free char *bin = text_format("%s/bin", dir);
	int r = bin ? fd_make_dirs(bin, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = copy_shell(dir, err);
	for (unsigned int i = 0; r == 0 && i < TREE_FILES; i++) {
		cleanup_free char *path = text_format("%s/f%u", dir, i);

		r = path ? write_file(path, i + 1, err) : err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

static bool is_there(const struct lab_work *work)
{
	cleanup_json json_t *about = NULL;

	return keep_inspect(work->site.cache_dir, TREE_IMAGE, &about, NULL) == 0;
}

int tree_image(const struct lab_work *work, struct tare_err *err)
{
	static const struct image_limits limits = IMAGE_LIMITS;
	cleanup_free char *dir = text_format("%s/tare-%s-lab", work->site.cache_dir,
					     journal_name(work->site.journal));
	cleanup_free char *source = dir ? text_format("rootfs:%s", dir) : NULL;
	cleanup_json json_t *about = NULL;
	const struct import_config config = {
		.cache_dir = work->site.cache_dir,
		.journal = work->site.journal,
		.source = source,
		.name = TREE_IMAGE,
		.limits = &limits,
	};
	int r, removed;

	if (is_there(work))
		return 0;
	if (!source)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(work->site.journal, JOURNAL_PATH, dir, err);
	if (r < 0)
		return r;
	r = make_tree(dir, err);
	if (r == 0)
		r = import_image(&config, &about, err);
	removed = fd_remove_tree(dir, r < 0 ? NULL : err);
	return r < 0 ? r : removed;
}
