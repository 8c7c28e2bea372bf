/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/image_modules.h"
#include "machine/vm/image_run.h"

#define PROGRAM_MAX ((size_t)256 << 20)
#define BUSYBOX     "/bin/busybox"
#define BUSYBOX_MS  10000
#define APPLETS_MAX 8192 /* bytes of their names */

/* More than newc puts around an entry (110 bytes, the name, padding), and its trailer. */
#define ENTRY_ROOM   512
#define TRAILER_ROOM 1024

void image_initramfs_clear(struct image_initramfs *fs)
{
	for (size_t i = 0; i < fs->n; i++) {
		free(fs->entries[i].name);
		image_bytes_clear(&fs->entries[i].content);
	}
	free(fs->entries);
	json_decref(fs->sources);
	*fs = (struct image_initramfs){0};
}

int image_initramfs_add(struct image_initramfs *fs, const char *name, mode_t mode,
			struct image_bytes *content, struct tare_err *err)
{
	struct image_bytes none = {0};
	cleanup_bytes struct image_bytes taken = image_bytes_take(content ? content : &none);

	if (fs->n == fs->room) {
		size_t room = fs->room ? fs->room * 2 : 64;
		void *more = reallocarray(fs->entries, room, sizeof(*fs->entries));

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		fs->entries = more;
		fs->room = room;
	}
	char *copy = strdup(name);

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	fs->entries[fs->n++] = (struct image_entry){
		.name = copy, .mode = mode, .content = image_bytes_take(&taken)};
	return 0;
}

static int add_source(struct image_initramfs *fs, const char *path, struct tare_err *err)
{
	if (!fs->sources)
		fs->sources = json_array();
	return json_array_append_new(fs->sources, json_string(path)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int add_file(struct image_initramfs *fs, const char *name, const char *path,
		    struct tare_err *err)
{
	cleanup_bytes struct image_bytes bytes = {0};
	int r = add_source(fs, path, err);

	if (r == 0)
		r = image_bytes_read(path, PROGRAM_MAX, &bytes, err);
	if (r < 0)
		return r;
	return image_initramfs_add(fs, name, S_IFREG | 0755, &bytes, err);
}

static int add_program(struct image_initramfs *fs, const char *name, const char *folder,
		       const char *program, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", folder, program);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return add_file(fs, name, path, err);
}

static int add_link(struct image_initramfs *fs, const char *name, const char *to,
		    struct tare_err *err)
{
	cleanup_bytes struct image_bytes bytes = {.at = (unsigned char *)strdup(to),
						  .size = strlen(to)};

	if (!bytes.at)
		return err_set(err, ENOMEM, "out of memory");
	return image_initramfs_add(fs, name, S_IFLNK | 0777, &bytes, err);
}

/* busybox itself knows its applets best. */
static int add_applets(struct image_initramfs *fs, struct journal *journal, struct tare_err *err)
{
	static const char *const argv[] = {"busybox", "--list", NULL};
	const struct image_run list = {.package = "busybox-static",
				       .argv = argv,
				       .timeout_ms = BUSYBOX_MS,
				       .journal = journal};
	char names[APPLETS_MAX], *at = names, *name;
	int r = image_run(&list, names, sizeof(names), err);

	while (r == 0 && (name = strsep(&at, "\n"))) {
		char path[64];

		if (!*name || strchr(name, '/') || strcmp(name, "busybox") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "bin/%.58s", name);
		r = add_link(fs, path, "busybox", err);
	}
	return r;
}

int image_initramfs_add_programs(struct image_initramfs *fs, const char *libexec_dir,
				 struct journal *journal, struct tare_err *err)
{
	static const char *const folders[] = {"bin",  "dev", "etc", "lib", "lib/modules", "proc",
					      "root", "run", "sys", "tmp", "work"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(*folders); i++)
		r = image_initramfs_add(fs, folders[i], S_IFDIR | 0755, NULL, err);
	/* The kernel opens it for the first process before anything is mounted. */
	if (r == 0)
		r = image_initramfs_add(fs, "dev/console", S_IFCHR | 0600, NULL, err);
	if (r == 0)
		fs->entries[fs->n - 1].device = makedev(5, 1);
	if (r == 0)
		r = add_program(fs, "init", libexec_dir, "tare-agent", err);
	if (r == 0)
		r = add_program(fs, "bin/tare-load", libexec_dir, "tare-load", err);
	if (r < 0)
		return r;
	if (access(BUSYBOX, X_OK) < 0)
		return add_source(fs, BUSYBOX, err);
	r = add_file(fs, "bin/busybox", BUSYBOX, err);
	return r < 0 ? r : add_applets(fs, journal, err);
}

static int add_order(struct image_initramfs *fs, const struct image_modules *modules,
		     struct tare_err *err)
{
	cleanup_bytes struct image_bytes text = {0};

	text.at = malloc(modules->n * (IMAGE_MODULE_NAME_MAX + 4) + 1);
	if (!text.at)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < modules->n; i++)
		text.size +=
			(size_t)sprintf((char *)text.at + text.size, "%s.ko\n", modules->names[i]);
	return image_initramfs_add(fs, "lib/modules/order", S_IFREG | 0644, &text, err);
}

int image_initramfs_add_modules(struct image_initramfs *fs, const struct image_modules *modules,
				const struct image_module_store *store, struct tare_err *err)
{
	for (size_t i = 0; i < modules->n; i++) {
		cleanup_bytes struct image_bytes bytes = {0};
		char name[IMAGE_MODULE_NAME_MAX + 32];
		int r = add_source(fs, image_module_store_path(store, modules->names[i]), err);

		if (r == 0)
			r = image_module_store_read(store, modules->names[i], &bytes, err);

		if (r < 0)
			return r;
		(void)snprintf(name, sizeof(name), "lib/modules/%s.ko", modules->names[i]);
		r = image_initramfs_add(fs, name, S_IFREG | 0644, &bytes, err);
		if (r < 0)
			return r;
	}
	return add_order(fs, modules, err);
}

static int compare_entries(const void *a, const void *b)
{
	const struct image_entry *one = a, *other = b;

	return strcmp(one->name, other->name);
}

/* A link's content is in its header, for libarchive. */
static int write_content(struct archive *a, struct archive_entry *entry,
			 const struct image_bytes *content)
{
	cleanup_free char *to = NULL;

	if (archive_entry_filetype(entry) != AE_IFLNK)
		return archive_write_header(a, entry) == ARCHIVE_OK &&
				       archive_write_data(a, content->at, content->size) ==
					       (ssize_t)content->size
			       ? 0
			       : -EIO;
	to = strndup((const char *)content->at, content->size);
	if (!to)
		return -ENOMEM;
	archive_entry_set_symlink(entry, to);
	return archive_write_header(a, entry) == ARCHIVE_OK ? 0 : -EIO;
}

static int write_entry(struct archive *a, const struct image_entry *from, size_t number,
		       struct tare_err *err)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!entry)
		return err_set(err, ENOMEM, "out of memory");
	archive_entry_set_pathname(entry, from->name);
	archive_entry_set_mode(entry, from->mode);
	archive_entry_set_size(entry, (int64_t)from->content.size);
	archive_entry_set_ino64(entry, (int64_t)number);
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_rdevmajor(entry, major(from->device));
	archive_entry_set_rdevminor(entry, minor(from->device));
	r = write_content(a, entry, &from->content);
	if (r == -EIO)
		r = err_set(err, EIO, "initramfs: '%s': %s", from->name, archive_error_string(a));
	else if (r < 0)
		r = err_set(err, ENOMEM, "out of memory");
	archive_entry_free(entry);
	return r;
}

static int write_entries(struct archive *a, const struct image_initramfs *fs,
			 struct image_bytes *into, struct tare_err *err)
{
	size_t room = into->size;

	if (archive_write_set_format_cpio_newc(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 4) != ARCHIVE_OK ||
	    archive_write_open_memory(a, into->at, room, &into->size) != ARCHIVE_OK)
		return err_set(err, EIO, "initramfs: %s", archive_error_string(a));
	for (size_t i = 0; i < fs->n; i++) {
		int r = write_entry(a, &fs->entries[i], i + 1, err);

		if (r < 0)
			return r;
	}
	if (archive_write_close(a) != ARCHIVE_OK)
		return err_set(err, EIO, "initramfs: %s", archive_error_string(a));
	return 0;
}

int image_initramfs_pack(struct image_initramfs *fs, struct image_bytes *ret, struct tare_err *err)
{
	cleanup_bytes struct image_bytes packed = {.size = TRAILER_ROOM};
	struct archive *a;
	int r;

	if (fs->n > 0)
		qsort(fs->entries, fs->n, sizeof(*fs->entries), compare_entries);
	for (size_t i = 0; i < fs->n; i++) {
		const struct image_entry *entry = &fs->entries[i];

		if (i > 0 && strcmp(entry[-1].name, entry->name) == 0)
			return err_set(err, EEXIST, "initramfs: two files '%s'", entry->name);
		packed.size += ENTRY_ROOM + strlen(entry->name) + entry->content.size;
	}
	packed.at = malloc(packed.size);
	a = packed.at ? archive_write_new() : NULL;
	if (!a)
		return err_set(err, ENOMEM, "out of memory");
	r = write_entries(a, fs, &packed, err);
	(void)archive_write_free(a);
	if (r == 0)
		*ret = image_bytes_take(&packed);
	return r;
}
