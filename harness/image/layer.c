/* SPDX-License-Identifier: MIT */
#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "image/plan.h"
#include "image/put.h"
#include "image/stream.h"

#define LEFT_OUT_NAMES   16
/* What remembering folders may cost; those beyond it have the time of the import. */
#define FOLDER_NAMES_MAX (64U << 20)

/* Folders get their times when nothing is put into them any more. */
struct folder_times {
	char *path;
	struct timespec modified;
};

struct unpacking {
	struct stream *stream;
	struct archive *tar;
	const struct image_limits *limits;
	struct layer_totals *totals;
	int dir_fd;
	struct folder_times *folders;
	size_t n_folders, room, names_size;
	struct tare_err stream_err; /* what made stream_read() fail below libarchive */
	int stream_r;
};

static la_ssize_t read_stream(struct archive *tar, void *context, const void **ret)
{
	struct unpacking *u = context;
	ssize_t n = stream_read(u->stream, ret, &u->stream_err);

	if (n >= 0)
		return n;
	u->stream_r = (int)n;
	archive_set_error(tar, EIO, "%s", u->stream_err.msg);
	return ARCHIVE_FATAL;
}

static int tar_failed(const struct unpacking *u, struct tare_err *err)
{
	const char *why = archive_error_string(u->tar);

	if (u->stream_r < 0)
		return err_set(err, u->stream_err.code, "%s", u->stream_err.msg);
	return err_set(err, EBADMSG, "the layer is no tar archive: %s", why ? why : "damaged");
}

static int remember_folder(struct unpacking *u, const char *path, const struct timespec *modified,
			   struct tare_err *err)
{
	u->names_size += strlen(path) + sizeof(*u->folders);
	if (u->names_size > FOLDER_NAMES_MAX)
		return 0;
	if (u->n_folders == u->room) {
		size_t room = u->room ? u->room * 2 : 64;
		struct folder_times *more = realloc(u->folders, room * sizeof(*more));

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		u->folders = more;
		u->room = room;
	}
	u->folders[u->n_folders].path = strdup(path);
	u->folders[u->n_folders].modified = *modified;
	if (!u->folders[u->n_folders].path)
		return err_set(err, ENOMEM, "out of memory");
	u->n_folders++;
	return 0;
}

static int count_entries(struct unpacking *u, size_t n, struct tare_err *err)
{
	u->totals->entries += n;
	if (u->totals->entries > u->limits->entries)
		return err_set(err, E2BIG, "the image has more than %llu entries",
			       (unsigned long long)u->limits->entries);
	return 0;
}

/* A folder on the way to an entry that has none of its own counts as one, and has always the same
 * time: a layer is the same whenever it is unpacked. */
static int take_made(struct unpacking *u, const char *parent, size_t made, struct tare_err *err)
{
	static const struct timespec never = {0};
	char path[IMAGE_PATH_MAX];
	int r = count_entries(u, made, err);

	memcpy(path, parent, strlen(parent) + 1);
	for (; made > 0 && r == 0; made--) {
		char *slash = strrchr(path, '/');

		r = remember_folder(u, path, &never, err);
		if (slash)
			*slash = '\0';
	}
	return r;
}

static void leave_out(struct unpacking *u, const char *path)
{
	struct layer_totals *t = u->totals;

	t->left_out++;
	/* A name that is no UTF-8 gives no JSON text, and is only counted. */
	if (t->left_out_names && json_array_size(t->left_out_names) < LEFT_OUT_NAMES)
		(void)json_array_append_new(t->left_out_names, json_string(path));
}

/* The sparse parts are never written, but count: a copy of the file may write them. */
static int put_data(struct unpacking *u, struct archive_entry *entry, int fd, struct tare_err *err)
{
	int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
	const void *block;
	la_int64_t at;
	size_t n;
	int r;

	if (size < 0 || (uint64_t)size > u->limits->bytes ||
	    u->totals->bytes + (uint64_t)size > u->limits->bytes)
		return err_set(err, E2BIG, "a file of %lld bytes is more than an image may have",
			       (long long)size);
	u->totals->bytes += (uint64_t)size;
	while ((r = archive_read_data_block(u->tar, &block, &n, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || n > (uint64_t)(size - at))
			return err_set(err, EBADMSG, "a file is longer than its entry says");
		for (size_t done = 0; done < n;) {
			ssize_t w = pwrite(fd, (const char *)block + done, n - done,
					   (off_t)(at + (la_int64_t)done));

			if (w < 0)
				return err_errno(err, "write");
			done += (size_t)w;
		}
	}
	if (r != ARCHIVE_EOF)
		return tar_failed(u, err);
	return ftruncate(fd, size) < 0 ? err_errno(err, "set the size") : 0;
}

static int make_entry(struct unpacking *u, const struct plan *plan, int parent,
		      struct archive_entry *entry, struct tare_err *err)
{
	cleanup_close int fd = -1;
	int r = put_entry(parent, plan->name, entry, &fd, err);

	if (r == 0 && fd >= 0)
		r = put_data(u, entry, fd, err);
	return r == 0 ? put_metadata(parent, plan->name, fd, entry, &u->totals->left_out, err) : r;
}

static int put_planned(struct unpacking *u, const struct plan *plan, struct archive_entry *entry,
		       const char *path, struct tare_err *err)
{
	const struct timespec modified = {archive_entry_mtime(entry),
					  archive_entry_mtime_nsec(entry)};
	cleanup_close int parent = -1;
	size_t made;
	int r;

	if (plan->action == PLAN_LEAVE_OUT) {
		leave_out(u, path);
		return 0;
	}
	parent = put_open_parent(u->dir_fd, plan->parent, &made, err);
	if (parent < 0)
		return parent;
	r = take_made(u, plan->parent, made, err);
	if (r == 0 && archive_entry_filetype(entry) == S_IFDIR && !archive_entry_hardlink(entry))
		r = remember_folder(u, path, &modified, err);
	if (r < 0)
		return r;
	switch (plan->action) {
	case PLAN_WHITEOUT:
		return put_whiteout(parent, plan->name, err);
	case PLAN_OPAQUE:
		return put_opaque(parent, err);
	case PLAN_HARDLINK:
		return put_hardlink(u->dir_fd, plan->target, parent, plan->name, err);
	case PLAN_ROOT:
		return put_metadata(parent, ".", -1, entry, &u->totals->left_out, err);
	case PLAN_MAKE:
		return make_entry(u, plan, parent, entry, err);
	case PLAN_LEAVE_OUT:
		break;
	}
	return 0;
}

static int take_entry(struct unpacking *u, struct archive_entry *entry, struct plan *plan,
		      struct tare_err *err)
{
	const char *path = archive_entry_pathname(entry);
	int r = count_entries(u, 1, err);

	if (r < 0)
		return r;
	if (!path)
		return err_set(err, EBADMSG, "an entry has no name");
	r = plan_entry(path, archive_entry_filetype(entry), archive_entry_hardlink(entry), plan,
		       err);
	return r == 0 ? put_planned(u, plan, entry, path, err) : r;
}

/* Deepest last is not needed: setting a time changes no other folder's. */
static void set_folder_times(const struct unpacking *u, struct plan *plan)
{
	for (size_t i = 0; i < u->n_folders; i++) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, u->folders[i].modified};
		cleanup_close int parent = -1;
		size_t made;

		if (plan_entry(u->folders[i].path, S_IFDIR, NULL, plan, NULL) < 0)
			continue;
		parent = put_open_parent(u->dir_fd, plan->parent, &made, NULL);
		/* It may have been replaced by a later entry. */
		if (parent >= 0)
			(void)utimensat(parent, *plan->name ? plan->name : ".", times,
					AT_SYMLINK_NOFOLLOW);
	}
}

static int unpack_entries(struct unpacking *u, struct tare_err *err)
{
	cleanup_free struct plan *plan = calloc(1, sizeof(*plan));
	struct archive_entry *entry;
	int r;

	if (!plan)
		return err_set(err, ENOMEM, "out of memory");
	if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->tar) != ARCHIVE_OK ||
	    archive_read_open(u->tar, u, NULL, read_stream, NULL) != ARCHIVE_OK)
		return tar_failed(u, err);
	while ((r = archive_read_next_header(u->tar, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		int taken = take_entry(u, entry, plan, err);

		if (taken < 0)
			return taken;
	}
	if (r != ARCHIVE_EOF)
		return tar_failed(u, err);
	set_folder_times(u, plan);
	return 0;
}

static int unpack(struct unpacking *u, const struct layer_source *source,
		  char ret_diff_id[DIGEST_SIZE], struct tare_err *err)
{
	int r = unpack_entries(u, err);

	if (r == 0)
		r = stream_finish(u->stream, ret_diff_id, err);
	if (r == 0 && source->diff_id && strcmp(source->diff_id, ret_diff_id) != 0)
		return err_set(err, EBADMSG,
			       "its archive has digest %.12s..., not %.12s... as the "
			       "image says",
			       ret_diff_id, source->diff_id);
	return r;
}

int layer_unpack(const struct layer_source *source, const struct image_limits *limits, int dir_fd,
		 struct layer_totals *totals, char ret_diff_id[DIGEST_SIZE], struct tare_err *err)
{
	struct unpacking u = {.limits = limits, .totals = totals, .dir_fd = dir_fd};
	int r = stream_open(source, limits, totals->bytes, &u.stream, err);

	if (r < 0)
		return r;
	u.tar = archive_read_new();
	r = u.tar ? unpack(&u, source, ret_diff_id, err) : err_set(err, ENOMEM, "out of memory");
	if (u.tar)
		(void)archive_read_free(u.tar);
	stream_close(u.stream);
	for (size_t i = 0; i < u.n_folders; i++)
		free(u.folders[i].path);
	free(u.folders);
	return r;
}
