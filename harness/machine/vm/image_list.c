/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
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
#include "machine/vm/image.h"
#include "machine/vm/image_cache.h"

struct kind {
	const char *folder; /* also the list's name */
	const char *file;
	const char *schema;
	const char *key; /* what its folder's name is */
};

static const struct kind kinds[] = {
	{IMAGE_IMAGES, "image.json", IMAGE_SCHEMA, "id"},
	{IMAGE_KERNELS, "kernel.json", IMAGE_KERNEL_SCHEMA, "name"},
	{IMAGE_DISKS, "root.json", IMAGE_DISK_SCHEMA, "id"},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static int is_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type != DT_LNK;
}

static void cleanup_namesp(struct dirent ***names)
{
	for (struct dirent **name = *names; name && *name; name++)
		free(*name);
	free(*names);
}
#define cleanup_names __attribute__((cleanup(cleanup_namesp)))

/* The names in a folder of the cache, in order, ended by NULL. */
static int read_names(const char *cache_dir, const struct kind *kind, struct dirent ***ret,
		      struct tare_err *err)
{
	cleanup_free char *folder = image_cache_path(cache_dir, kind->folder, "");
	struct dirent **names = NULL, **ended;
	int n = folder ? scandir(folder, &names, is_entry, alphasort) : -1;

	if (n < 0 && folder && errno != ENOENT)
		return err_errno(err, "read the folder '%s'", folder);
	ended = reallocarray(names, (n > 0 ? (size_t)n : 0) + 1, sizeof(struct dirent *));
	if (!folder || !ended) {
		while (n > 0)
			free(names[--n]);
		free(ended ? ended : names);
		return err_set(err, ENOMEM, "out of memory");
	}
	ended[n > 0 ? n : 0] = NULL;
	*ret = ended;
	return 0;
}

/* What it takes on the disk. */
static uint64_t count_bytes(const char *folder)
{
	cleanup_free char *copy = strdup(folder);
	char *const roots[] = {copy, NULL};
	FTS *walk = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	const FTSENT *entry;
	uint64_t blocks = 0;

	while (walk && (entry = fts_read(walk)))
		if (entry->fts_info == FTS_F)
			blocks += (uint64_t)entry->fts_statp->st_blocks;
	if (walk)
		(void)fts_close(walk);
	return blocks * 512;
}

static int describe(const char *cache_dir, const struct kind *kind, const char *name, json_t *list,
		    struct tare_err *err)
{
	cleanup_free char *folder = image_cache_path(cache_dir, kind->folder, name);
	json_t *about = NULL;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	/* A damaged one is listed too, so that it can be removed. */
	if (image_cache_read(folder, kind->file, kind->schema, &about, NULL) < 0)
		about = json_pack("{s:b}", "damaged", 1);
	if (!about || json_array_append_new(list, about) < 0 ||
	    json_put(about, kind->key, json_string(name)) < 0 ||
	    json_put(about, "folder", json_string(folder)) < 0 ||
	    json_put(about, "bytes", json_u64(count_bytes(folder))) < 0)
		return err_set(err, ENOMEM, "out of memory");
	(void)json_object_del(about, "schema");
	return 0;
}

int image_list(const char *cache_dir, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *all = json_object();

	for (size_t i = 0; i < N_KINDS; i++) {
		cleanup_names struct dirent **names = NULL;
		json_t *list = json_array();
		int r = json_put(all, kinds[i].folder, list);

		if (r < 0)
			return err_set(err, ENOMEM, "out of memory");
		r = read_names(cache_dir, &kinds[i], &names, err);
		for (struct dirent **name = names; r == 0 && *name; name++)
			r = describe(cache_dir, &kinds[i], (*name)->d_name, list, err);
		if (r < 0)
			return r;
	}
	*ret = take_pointer(all);
	return 0;
}

static int remove_one(const char *cache_dir, const struct kind *kind, const char *name,
		      struct tare_err *err)
{
	cleanup_free char *folder = image_cache_path(cache_dir, kind->folder, name);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "image %.12s is in use by a guest", name);
	return fd_remove_tree(folder, err);
}

static bool matches(const struct kind *kind, const char *name, const char *asked)
{
	if (!asked)
		return true;
	if (strcmp(kind->key, "id") == 0)
		return strncmp(name, asked, strlen(asked)) == 0;
	return strcmp(name, asked) == 0;
}

/* How many match; with `act`, they are removed, and the first failure is given back. */
static int each(const char *cache_dir, const char *asked, bool act, size_t *ret_n,
		struct tare_err *err)
{
	int first = 0;

	*ret_n = 0;
	for (size_t i = 0; i < N_KINDS; i++) {
		cleanup_names struct dirent **names = NULL;
		int r = read_names(cache_dir, &kinds[i], &names, err);

		if (r < 0)
			return r;
		for (struct dirent **name = names; *name; name++) {
			if (!matches(&kinds[i], (*name)->d_name, asked))
				continue;
			*ret_n += 1;
			r = act ? remove_one(cache_dir, &kinds[i], (*name)->d_name, err) : 0;
			first = first ? first : r;
		}
	}
	return first;
}

int image_remove(const char *cache_dir, const char *name, struct tare_err *err)
{
	size_t n;
	int r;

	if (name && (!*name || strchr(name, '/')))
		return err_set(err, EINVAL, "'%s' is no name of an image", name);
	cleanup_close int lock = image_cache_lock(cache_dir, NULL, NULL, err);

	if (lock < 0)
		return lock;
	r = each(cache_dir, name, false, &n, err);
	if (r < 0)
		return r;
	if (name && n == 0)
		return err_set(err, ENOENT, "there is no image '%s': see 'tare image list'", name);
	if (name && n > 1)
		return err_set(err, EINVAL, "'%s' begins the IDs of %zu images", name, n);
	return each(cache_dir, name, true, &n, err);
}
