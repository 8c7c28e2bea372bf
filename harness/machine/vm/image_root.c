/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_root.h"

#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "box/common/stored.h"
#include "image/keep.h"
#include "machine/vm/image_cache.h"
#include "machine/vm/image_ext4.h"
#include "machine/vm/image_mke2fs.h"
#include "machine/vm/image_run.h"
#include "vm_images.h"

#define MKE2FS_MS        600000
/* What a file takes beside its contents, at most: the rest of its last block, a block of
 * attributes; its name is in one of many. */
#define FILE_MORE        8192
#define DISK_MORE        (16ULL << 20)
#define MIB              (1ULL << 20)
#define INODES_OF_MKE2FS 64ULL

struct size {
	uint64_t files, bytes;
};

static int make_id(const json_t *layers, char ret[DIGEST_SIZE], struct tare_err *err)
{
	cleanup_free char *list = json_dumps(layers, JSON_COMPACT);
	cleanup_free char *text =
		list ? text_format("%s\n%s\n%s", IMAGE_DISK_SCHEMA, list, VM_IMAGES_ROOT_DISK)
		     : NULL;

	return text ? digest_bytes(text, strlen(text), ret, err)
		    : err_set(err, ENOMEM, "out of memory");
}

/* How much there is below the folder. */
static int measure(const char *folder, struct size *ret, struct tare_err *err)
{
	cleanup_free char *copy = text_format("%s/.", folder);
	char *const roots[] = {copy, NULL};
	FTS *walk = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	const FTSENT *entry;
	int r = 0;

	*ret = (struct size){0};
	if (!walk)
		return err_errno(err, "walk through the image");
	while (r == 0 && (errno = 0, entry = fts_read(walk))) {
		if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
		    entry->fts_info == FTS_NS)
			r = err_set(err, entry->fts_errno, "read '%.100s' of the image",
				    entry->fts_name);
		else if (entry->fts_info != FTS_DP)
			ret->files++;
		if (entry->fts_info == FTS_F || entry->fts_info == FTS_SL)
			ret->bytes += (uint64_t)entry->fts_statp->st_size;
	}
	if (r == 0 && errno)
		r = err_errno(err, "walk through the image");
	(void)fts_close(walk);
	return r;
}

/* mke2fs always makes it: the image's own takes its place, or it has to go again. */
static int find_lost_and_found(int view, bool *ret, struct tare_err *err)
{
	struct stat st;

	*ret = fstatat(view, "lost+found", &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (*ret && !S_ISDIR(st.st_mode))
		return err_set(err, EBADMSG, "its 'lost+found' is no folder, which ext4 must have");
	return 0;
}

static int remove_lost_and_found(const struct image_config *config, const char *path,
				 struct tare_err *err)
{
	static char fake_time[] = "E2FSPROGS_FAKE_TIME=1";
	const char *const argv[] = {"debugfs", "-w", "-R", "rmdir lost+found", path, NULL};
	const struct image_run run = {
		.package = "e2fsprogs",
		.argv = argv,
		.variable = fake_time,
		.timeout_ms = MKE2FS_MS,
		.journal = config->journal,
	};

	return image_run(&run, NULL, 0, err);
}

static int size_texts(const char *tree, char inodes[32], char blocks[32], struct tare_err *err)
{
	struct size size;
	uint64_t bytes;
	int r = measure(tree, &size, err);

	if (r < 0)
		return r;
	bytes = DISK_MORE + size.bytes + size.bytes / 32 + size.files * FILE_MORE;
	(void)snprintf(inodes, 32, "%llu", size.files + INODES_OF_MKE2FS);
	(void)snprintf(blocks, 32, "%lluM", bytes / MIB);
	return 0;
}

/* From what all layers together show, without a copy of it. */
static int make_disk(const struct image_config *config, const struct stored_image *image,
		     const char *path, struct tare_err *err)
{
	cleanup_close int view = stored_view(image, err);
	char tree[64], inodes[32], blocks[32];
	const struct image_mke2fs disk = {
		.recipe = VM_IMAGES_ROOT_DISK,
		.path = path,
		.size = blocks,
		.inodes = inodes,
		.tree = tree,
		.timeout_ms = MKE2FS_MS,
		.journal = config->journal,
	};
	bool has_lost_and_found;
	int r;

	if (view < 0)
		return view;
	/* By our descriptor: the view is mounted nowhere. */
	(void)snprintf(tree, sizeof(tree), "/proc/%d/fd/%d", getpid(), view);
	r = find_lost_and_found(view, &has_lost_and_found, err);
	if (r == 0)
		r = size_texts(tree, inodes, blocks, err);
	if (r == 0)
		r = image_mke2fs(&disk, err);
	if (r == 0 && !has_lost_and_found)
		r = remove_lost_and_found(config, path, err);
	return r == 0 ? image_ext4_settle_times(path, err) : r;
}

static int fill(const struct image_config *config, const struct stored_image *image,
		const char *name, const char *folder, const char *id, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/root.img", folder);
	cleanup_json json_t *about =
		json_pack("{s:s, s:s, s:s, s:O}", "schema", IMAGE_DISK_SCHEMA, "id", id, "name",
			  name, "layers", json_object_get(image->about, "layers"));
	int r;

	if (!path || !about)
		return err_set(err, ENOMEM, "out of memory");
	/* It has what only root may read. */
	if (chmod(folder, 0700) < 0)
		return err_errno(err, "close '%s' to others", folder);
	r = make_disk(config, image, path, err);
	return r == 0 ? image_cache_write(folder, "root.json", about, err) : r;
}

static int make(const struct image_config *config, const struct stored_image *image,
		const char *name, const struct image_root *root, struct tare_err *err)
{
	cleanup_free char *temp = NULL;
	int r;

	if (config->say)
		config->say("making the image's disk for guests", config->context);
	r = image_cache_begin(config->cache_dir, "disk", config->journal, &temp, err);
	if (r < 0)
		return r;
	r = fill(config, image, name, temp, root->id, err);
	if (r == 0)
		r = image_cache_finish(temp, root->folder, err);
	if (r < 0)
		(void)fd_remove_tree(temp, NULL);
	return r;
}

static int describe(const struct stored_image *image, struct image_root *root, struct tare_err *err)
{
	static const char *const keys[] = {"env", "workdir", "uid", "gid"};

	root->about = json_pack("{s:s, s:[s], s:b}", "schema", STORED_SCHEMA, "layers", root->id,
				"merged", 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && root->about; i++) {
		json_t *value = json_object_get(image->about, keys[i]);

		if (value && json_object_set(root->about, keys[i], value) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	return root->about ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int find_or_make(const struct image_config *config, const struct stored_image *image,
			const char *name, struct image_root *root, struct tare_err *err)
{
	cleanup_json json_t *about = NULL;
	int r = make_id(json_object_get(image->about, "layers"), root->id, err);

	if (r < 0)
		return r;
	root->folder = image_cache_path(config->cache_dir, IMAGE_DISKS, root->id);
	root->disk = root->folder ? text_format("%s/root.img", root->folder) : NULL;
	if (!root->disk)
		return err_set(err, ENOMEM, "out of memory");
	cleanup_close int lock =
		image_cache_lock(config->cache_dir, config->say, config->context, err);

	if (lock < 0)
		return lock;
	/* The file's name comes last, so one that has it is whole. */
	if (image_cache_read(root->folder, "root.json", IMAGE_DISK_SCHEMA, &about, NULL) < 0)
		r = make(config, image, name, root, err);
	if (r < 0)
		return r;
	root->lock_fd = open(root->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->lock_fd < 0 || flock(root->lock_fd, LOCK_SH | LOCK_NB) < 0)
		return err_errno(err, "lock '%s'", root->folder);
	return describe(image, root, err);
}

int image_root_ensure(const struct image_config *config, const char *name, struct image_root *ret,
		      struct tare_err *err)
{
	struct image_root root = {.lock_fd = -1};
	char store[STORED_PATH_SIZE];
	struct stored_image image = {.lock_fd = -1};
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "image=%.60s needs root: run as root", name);
	r = stored_folder(config->cache_dir, store, err);
	if (r == 0)
		r = stored_read(store, name, &image, err);
	if (r < 0)
		return r;
	r = err_wrap(err, find_or_make(config, &image, name, &root, err), "disk of image '%s'",
		     name);
	stored_clear(&image);
	if (r < 0)
		image_root_release(&root);
	else
		*ret = root;
	return r;
}

void image_root_release(struct image_root *root)
{
	cleanup_closep(&root->lock_fd);
	free(root->folder);
	free(root->disk);
	json_decref(root->about);
	*root = (struct image_root){.lock_fd = -1};
}

int image_root_collect(const char *cache_dir, struct tare_err *err)
{
	cleanup_json json_t *all = NULL;
	json_t *disk;
	size_t i;
	int r = image_list(cache_dir, &all, err);

	if (r < 0)
		return r;
	json_array_foreach(json_object_get(all, IMAGE_DISKS), i, disk)
	{
		struct tare_err why = {0};
		bool used = true;

		r = keep_has_image(cache_dir, json_object_get(disk, "layers"), &used, err);
		if (r < 0)
			return r;
		if (used)
			continue;
		r = image_remove(cache_dir, json_string_value(json_object_get(disk, "id")), &why);
		/* One that a guest uses is left to the next call. */
		if (r < 0 && r != -EBUSY)
			return err_set(err, -r, "%s", why.msg);
	}
	return 0;
}
