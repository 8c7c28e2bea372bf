/* SPDX-License-Identifier: MIT */
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/image_modules.h"

#define STORE_MAX    65536
#define MODULE_MAX   ((size_t)64 << 20)
#define BUILT_IN_MAX ((size_t)4 << 20)

struct image_module_file {
	char name[IMAGE_MODULE_NAME_MAX];
	char *path;
};

struct image_module_store {
	struct image_module_file *files; /* by name */
	size_t n, room;
	struct image_bytes built_in; /* names, a NUL after each */
};

static int compare_files(const void *a, const void *b)
{
	const struct image_module_file *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/* "virtio-rng.ko.xz" is virtio_rng; false: no module's file. */
static bool name_of(const char *file, size_t n, char ret[IMAGE_MODULE_NAME_MAX])
{
	static const char *const endings[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
	const char *ko = memmem(file, n, ".ko", 3);
	bool known = false;

	for (size_t i = 0; ko && i < sizeof(endings) / sizeof(*endings); i++)
		known |= (size_t)(file + n - ko) == strlen(endings[i]) &&
			 memcmp(ko, endings[i], strlen(endings[i])) == 0;
	if (!known || ko == file || ko - file >= IMAGE_MODULE_NAME_MAX)
		return false;
	for (const char *at = file; at < ko; at++)
		if (*at == '-')
			*ret++ = '_';
		else
			*ret++ = *at;
	*ret = '\0';
	return true;
}

static int add_file(struct image_module_store *store, const char *name, const char *path,
		    struct tare_err *err)
{
	struct image_module_file *file;

	if (store->n == STORE_MAX)
		return err_set(err, E2BIG, "more than %d modules", STORE_MAX);
	if (store->n == store->room) {
		size_t room = store->room ? store->room * 2 : 256;
		void *more = reallocarray(store->files, room, sizeof(*store->files));

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		store->files = more;
		store->room = room;
	}
	file = &store->files[store->n];
	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	file->path = strdup(path);
	if (!file->path)
		return err_set(err, ENOMEM, "out of memory");
	store->n++;
	return 0;
}

static int read_files(struct image_module_store *store, const char *folder, struct tare_err *err)
{
	cleanup_free char *copy = strdup(folder);
	char *const roots[] = {copy, NULL};
	FTS *walk = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL) : NULL;
	const FTSENT *entry;
	int r = 0;

	if (!walk)
		return err_errno(err, "read the folder '%s'", folder);
	errno = 0;
	while (r == 0 && (entry = fts_read(walk))) {
		char name[IMAGE_MODULE_NAME_MAX];

		if (entry->fts_info == FTS_F && name_of(entry->fts_name, entry->fts_namelen, name))
			r = add_file(store, name, entry->fts_path, err);
		else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
			r = err_set(err, entry->fts_errno, "cannot read '%s'", entry->fts_path);
	}
	(void)fts_close(walk);
	if (store->n > 0)
		qsort(store->files, store->n, sizeof(*store->files), compare_files);
	return r;
}

/* modules.builtin has lines "kernel/fs/ext4/ext4.ko". */
static int read_built_in(struct image_module_store *store, const char *folder, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/modules.builtin", folder);
	cleanup_bytes struct image_bytes text = {0};
	size_t used = 0;
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) < 0)
		return 0;
	r = image_bytes_read(path, BUILT_IN_MAX, &text, err);
	if (r < 0)
		return r;
	for (size_t at = 0; at < text.size;) {
		const char *line = (const char *)text.at + at, *slash;
		const char *end = memchr(line, '\n', text.size - at);
		size_t n = end ? (size_t)(end - line) : text.size - at;
		char name[IMAGE_MODULE_NAME_MAX];

		slash = memrchr(line, '/', n);
		at += n + 1;
		if (slash && name_of(slash + 1, n - (size_t)(slash + 1 - line), name)) {
			memcpy(text.at + used, name, strlen(name) + 1); /* shorter than its line */
			used += strlen(name) + 1;
		}
	}
	text.size = used;
	store->built_in = image_bytes_take(&text);
	return 0;
}

int image_module_store_open(const char *folder, struct image_module_store **ret,
			    struct tare_err *err)
{
	__attribute__((cleanup(image_module_store_close))) struct image_module_store *store =
		calloc(1, sizeof(*store));
	int r;

	if (!store)
		return err_set(err, ENOMEM, "out of memory");
	r = read_files(store, folder, err);
	if (r == 0)
		r = read_built_in(store, folder, err);
	if (r < 0)
		return r;
	*ret = take_pointer(store);
	return 0;
}

void image_module_store_close(struct image_module_store **store)
{
	if (!*store)
		return;
	for (size_t i = 0; i < (*store)->n; i++)
		free((*store)->files[i].path);
	free((*store)->files);
	image_bytes_clear(&(*store)->built_in);
	free(*store);
	*store = NULL;
}

static const struct image_module_file *find_file(const struct image_module_store *store,
						 const char *name)
{
	struct image_module_file key = {0};

	(void)snprintf(key.name, sizeof(key.name), "%s", name);
	return store->n ? bsearch(&key, store->files, store->n, sizeof(key), compare_files) : NULL;
}

static bool is_built_in(const struct image_module_store *store, const char *name)
{
	const char *at = (const char *)store->built_in.at, *end = at + store->built_in.size;

	for (; at < end; at += strlen(at) + 1)
		if (strcmp(at, name) == 0)
			return true;
	return false;
}

const char *image_module_store_path(const struct image_module_store *store, const char *name)
{
	const struct image_module_file *file = find_file(store, name);

	return file ? file->path : NULL;
}

int image_module_store_read(const struct image_module_store *store, const char *name,
			    struct image_bytes *ret, struct tare_err *err)
{
	const struct image_module_file *file = find_file(store, name);
	cleanup_bytes struct image_bytes bytes = {0};
	size_t n;
	int r;

	if (!file)
		return err_set(err, ENOENT, "there is no module '%s'", name);
	r = image_bytes_read(file->path, MODULE_MAX, &bytes, err);
	if (r < 0)
		return r;
	n = strlen(file->path);
	if (n > 3 && strcmp(file->path + n - 3, ".ko") == 0) {
		*ret = image_bytes_take(&bytes);
		return 0;
	}
	r = image_bytes_unpack(bytes.at, bytes.size, MODULE_MAX, ret, err);
	return err_wrap(err, r, "'%.120s'", file->path);
}

static int store_find(void *context, const char *name, char *ret_depends, struct tare_err *err)
{
	const struct image_module_store *store = context;
	cleanup_bytes struct image_bytes bytes = {0};
	int r;

	if (!find_file(store, name))
		return is_built_in(store, name) ? IMAGE_MODULE_BUILT_IN : IMAGE_MODULE_UNKNOWN;
	r = image_module_store_read(store, name, &bytes, err);
	if (r == 0)
		r = image_modinfo_get(&bytes, "depends", ret_depends, IMAGE_DEPENDS_MAX, err);
	return r < 0 ? r : IMAGE_MODULE_FILE;
}

struct image_module_finder image_module_store_finder(struct image_module_store *store)
{
	return (struct image_module_finder){.find = store_find, .context = store};
}
