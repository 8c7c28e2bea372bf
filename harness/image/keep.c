/* SPDX-License-Identifier: MIT */
#include "image/keep.h"

#include <dirent.h>
#include <fcntl.h>
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
#include "kernel/journal.h"

struct keep {
	char store[STORED_PATH_SIZE];
	char *aside; /* "STORE/tare-RUN-import" */
	int lock_fd;
};

static int make_store(const char *store, struct tare_err *err)
{
	static const char *const folders[] = {"names", "layers", "meta"};
	struct stat st;
	int r = fd_make_dirs(store, err);

	if (r < 0)
		return r;
	/* Its files may be setuid root: nobody else gets at them. */
	if (lstat(store, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return err_set(err, EPERM, "'%s' is not a folder of ours", store);
	if (chmod(store, 0700) < 0)
		return err_errno(err, "close '%s' to others", store);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && r == 0; i++) {
		cleanup_free char *path = text_format("%s/%s", store, folders[i]);

		r = path ? fd_make_dirs(path, err) : err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

static int lock_store(const char *store, int how, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/lock", store);
	cleanup_close int fd =
		path ? open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return err_errno(err, "open the lock of '%s'", store);
	if (flock(fd, how) == 0)
		return take_fd(&fd);
	if (errno == EWOULDBLOCK)
		return err_set(err, EBUSY, "images are in use: wait for the runs that use them");
	return err_errno(err, "lock '%s'", store);
}

int keep_open(const char *cache_dir, struct journal *journal, struct keep **ret,
	      struct tare_err *err)
{
	struct keep *keep = calloc(1, sizeof(*keep));
	int r;

	if (!keep)
		return err_set(err, ENOMEM, "out of memory");
	keep->lock_fd = -1;
	r = stored_folder(cache_dir, keep->store, err);
	if (r == 0)
		r = make_store(keep->store, err);
	if (r == 0) {
		r = keep->lock_fd = lock_store(keep->store, LOCK_SH, err);
		keep->aside = text_format("%s/tare-%s-import", keep->store, journal_name(journal));
	}
	if (r >= 0 && !keep->aside)
		r = err_set(err, ENOMEM, "out of memory");
	if (r >= 0)
		r = journal_note(journal, JOURNAL_PATH, keep->aside, err);
	if (r >= 0 && mkdir(keep->aside, 0700) < 0)
		r = err_errno(err, "make folder '%s'", keep->aside);
	if (r < 0) {
		keep_close(keep);
		return r;
	}
	*ret = keep;
	return 0;
}

void keep_close(struct keep *keep)
{
	if (!keep)
		return;
	if (keep->aside)
		(void)fd_remove_tree(keep->aside, NULL); /* else the journal's end does it */
	free(keep->aside);
	cleanup_closep(&keep->lock_fd);
	free(keep);
}

const char *keep_folder(const struct keep *keep)
{
	return keep->store;
}

static int fresh_folder(const struct keep *keep, const char *name, mode_t mode,
			struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", keep->aside, name);
	int fd;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (fd_remove_tree(path, err) < 0 || mkdir(path, mode) < 0 || chmod(path, mode) < 0)
		return err_errno(err, "make folder '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "open '%s'", path) : fd;
}

int keep_work_folder(struct keep *keep, struct tare_err *err)
{
	return fresh_folder(keep, "work", 0700, err);
}

bool keep_has_layer(const struct keep *keep, const char *diff_id)
{
	cleanup_free char *path = text_format("%s/layers/%s", keep->store, diff_id);

	return path && access(path, F_OK) == 0;
}

int keep_begin_layer(struct keep *keep, struct tare_err *err)
{
	return fresh_folder(keep, "layer", 0755, err);
}

/* Written aside, on the disk, then in place: it is there whole or not at all. */
static int write_json(const struct keep *keep, const char *path, const json_t *value,
		      struct tare_err *err)
{
	cleanup_free char *aside = text_format("%s/json", keep->aside);
	cleanup_free char *text = json_dumps(value, JSON_INDENT(1));
	cleanup_close int fd = -1;
	int r;

	if (!aside || !text)
		return err_set(err, ENOMEM, "out of memory");
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "make '%s'", aside);
	r = fd_write_all(fd, text, strlen(text), err);
	if (r == 0 && (fsync(fd) < 0 || rename(aside, path) < 0))
		r = err_errno(err, "write '%s'", path);
	return r;
}

int keep_end_layer(struct keep *keep, int dir_fd, const char *diff_id, uint64_t bytes,
		   uint64_t entries, struct tare_err *err)
{
	cleanup_free char *aside = text_format("%s/layer", keep->aside);
	cleanup_free char *path = text_format("%s/layers/%s", keep->store, diff_id);
	cleanup_free char *meta_path = text_format("%s/meta/%s.json", keep->store, diff_id);
	cleanup_json json_t *meta = json_object();
	int r;

	if (!aside || !path || !meta_path || json_put(meta, "bytes", json_u64(bytes)) < 0 ||
	    json_put(meta, "entries", json_u64(entries)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	/* Its data before its name: a power cut must not leave half a layer under a digest. */
	if (syncfs(dir_fd) < 0)
		return err_errno(err, "write the layer to the disk");
	r = write_json(keep, meta_path, meta, err);
	/* Somebody else may have been faster with the same one. */
	if (r == 0 && rename(aside, path) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return err_errno(err, "rename '%s' to '%s'", aside, path);
	return r;
}

int keep_name(struct keep *keep, const char *name, json_t *about, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/names/%s.json", keep->store, name);

	if (!path || json_put(about, "name", json_string(name)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return write_json(keep, path, about, err);
}

/* The names of a folder of the store, without ".json", sorted. A missing one is empty. */
static int list_folder(const char *store, const char *folder, json_t **ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", store, folder);
	json_t *names = json_array();
	struct dirent **found = NULL;
	int n;

	if (!path || !names)
		return err_set(err, ENOMEM, "out of memory");
	n = scandir(path, &found, NULL, alphasort);
	if (n < 0 && errno != ENOENT) {
		json_decref(names);
		return err_errno(err, "list '%s'", path);
	}
	for (int i = 0; i < n; i++) {
		char *end = strstr(found[i]->d_name, ".json");

		if (end)
			*end = '\0';
		if (found[i]->d_name[0] != '.')
			(void)json_array_append_new(names, json_string(found[i]->d_name));
		free(found[i]);
	}
	free(found);
	*ret = names;
	return 0;
}

/* Where the store is, and the names of its images. */
static int list_names(const char *cache_dir, char ret_store[STORED_PATH_SIZE], json_t **ret,
		      struct tare_err *err)
{
	int r = stored_folder(cache_dir, ret_store, err);

	return r == 0 ? list_folder(ret_store, "names", ret, err) : r;
}

static json_t *load(const char *store, const char *folder, const char *name)
{
	cleanup_free char *path = text_format("%s/%s/%s.json", store, folder, name);

	return path ? json_load_file(path, 0, NULL) : NULL;
}

static uint64_t sum_bytes(const char *store, const json_t *about, json_t *sizes)
{
	uint64_t bytes = 0;
	json_t *layer;
	size_t i;

	json_array_foreach(json_object_get(about, "layers"), i, layer)
	{
		cleanup_json json_t *meta = json_is_string(layer)
						    ? load(store, "meta", json_string_value(layer))
						    : NULL;

		bytes += json_u64_or(meta, "bytes", 0);
		if (sizes)
			(void)json_array_append_new(sizes, json_u64(json_u64_or(meta, "bytes", 0)));
	}
	return bytes;
}

static json_t *describe(const char *store, const char *name)
{
	cleanup_json json_t *about = load(store, "names", name);

	return json_pack("{ss ss sI so ss so}", "name", name, "id", json_string_or(about, "id", ""),
			 "layers", (json_int_t)json_array_size(json_object_get(about, "layers")),
			 "bytes", json_u64(sum_bytes(store, about, NULL)), "source",
			 json_string_or(about, "source", ""), "damaged", json_boolean(!about));
}

int keep_list(const char *cache_dir, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *names = NULL, *list = json_array();
	char store[STORED_PATH_SIZE];
	json_t *name;
	size_t i;
	int r = list_names(cache_dir, store, &names, err);

	if (r < 0)
		return r;
	json_array_foreach(names, i, name)(void)
		json_array_append_new(list, describe(store, json_string_value(name)));
	*ret = json_incref(list);
	return 0;
}

int keep_inspect(const char *cache_dir, const char *name, json_t **ret, struct tare_err *err)
{
	char store[STORED_PATH_SIZE];
	struct stored_image image = {0};
	json_t *sizes = json_array();
	int r = stored_folder(cache_dir, store, err);

	if (r == 0)
		r = stored_read(store, name, &image, err);
	if (r < 0) {
		json_decref(sizes);
		return r;
	}
	*ret = json_deep_copy(image.about);
	(void)json_put(*ret, "bytes", json_u64(sum_bytes(store, image.about, sizes)));
	(void)json_put(*ret, "layer_bytes", sizes);
	stored_clear(&image);
	return 0;
}

int keep_has_image(const char *cache_dir, const json_t *layers, bool *ret, struct tare_err *err)
{
	cleanup_json json_t *names = NULL;
	char store[STORED_PATH_SIZE];
	json_t *name;
	size_t i;
	int r = list_names(cache_dir, store, &names, err);

	if (r < 0)
		return r;
	*ret = false;
	json_array_foreach(names, i, name)
	{
		cleanup_json json_t *about = load(store, "names", json_string_value(name));

		*ret = *ret || json_equal(json_object_get(about, "layers"), layers);
	}
	return 0;
}

static bool is_used(const char *store, const json_t *names, const char *layer)
{
	json_t *name, *used;
	size_t i, j;

	/* jansson walks through no const array. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_array_foreach((json_t *)(uintptr_t)names, i,
			   name) /* NOLINT(performance-no-int-to-ptr) */
	{
		cleanup_json json_t *about = load(store, "names", json_string_value(name));

		json_array_foreach(json_object_get(about, "layers"), j, used)
		{
			if (strcmp(json_string_value(used), layer) == 0)
				return true;
		}
	}
	return false;
}

static int remove_file(const char *store, const char *folder, const char *name,
		       struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s/%s.json", store, folder, name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return unlink(path) < 0 && errno != ENOENT ? err_errno(err, "remove '%s'", path) : 0;
}

/* The folder before its size: what is left after a crash is found again by its folder. */
static int collect(const char *store, struct tare_err *err)
{
	cleanup_json json_t *names = NULL, *layers = NULL;
	json_t *layer;
	size_t i;
	int r = list_folder(store, "names", &names, err);

	if (r == 0)
		r = list_folder(store, "layers", &layers, err);
	if (r < 0)
		return r;
	json_array_foreach(layers, i, layer)
	{
		const char *id = json_string_value(layer);
		cleanup_free char *path = text_format("%s/layers/%s", store, id);

		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (is_used(store, names, id))
			continue;
		r = fd_remove_tree(path, err);
		if (r == 0)
			r = remove_file(store, "meta", id, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int keep_remove(const char *cache_dir, const char *name, struct tare_err *err)
{
	cleanup_json json_t *names = NULL;
	char store[STORED_PATH_SIZE];
	json_t *each;
	size_t i, found = 0;
	int r = list_names(cache_dir, store, &names, err);

	if (r < 0)
		return r;
	json_array_foreach(names, i, each) found +=
		!name || strcmp(json_string_value(each), name) == 0;
	if (found == 0)
		return name ? err_set(err, ENOENT, "there is no image '%.60s'", name) : 0;
	cleanup_close int lock = lock_store(store, LOCK_EX | LOCK_NB, err);

	if (lock < 0)
		return lock;
	json_array_foreach(names, i, each)
	{
		if (name && strcmp(json_string_value(each), name) != 0)
			continue;
		r = remove_file(store, "names", json_string_value(each), err);
		if (r < 0)
			return r;
	}
	return collect(store, err);
}
