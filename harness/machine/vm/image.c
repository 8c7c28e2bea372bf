/* SPDX-License-Identifier: MIT */
#include "machine/vm/image.h"

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
#include "machine/vm/disk.h"
#include "machine/vm/image_cache.h"
#include "machine/vm/image_index.h"
#include "machine/vm/image_initramfs.h"
#include "machine/vm/image_kernel.h"
#include "machine/vm/image_modules.h"
#include "vm_images.h"

/* Of 10 MB each, besides the kernel, which they share. */
#define IMAGES_KEPT 8

/* All that goes into an image, before it is known whether there is one already. */
struct making {
	struct image_kernel kernel;
	struct image_modules modules;
	struct image_bytes initrd;
	json_t *sources; /* what the initramfs was made of */
	char initrd_sha256[DIGEST_SIZE];
	char id[DIGEST_SIZE];
};

static void cleanup_makingp(struct making **making)
{
	if (*making) {
		image_kernel_clear(&(*making)->kernel);
		image_bytes_clear(&(*making)->initrd);
		json_decref((*making)->sources);
	}
	free(*making);
}

static int choose_modules(const struct image_config *config, struct making *making,
			  struct image_initramfs *fs, struct tare_err *err)
{
	__attribute__((cleanup(image_module_store_close))) struct image_module_store *store = NULL;
	struct image_module_finder finder;
	int r;

	if (!making->kernel.modules)
		return 0; /* it is believed to have all built in */
	r = image_module_store_open(making->kernel.modules, &store, err);
	if (r < 0)
		return r;
	finder = image_module_store_finder(store);
	r = image_modules_order(config->uml ? VM_IMAGES_UML_MODULES : VM_IMAGES_MODULES, &finder,
				&making->modules, err);
	if (r < 0)
		return err_wrap(err, r, "kernel %s", making->kernel.release);
	return image_initramfs_add_modules(fs, &making->modules, store, err);
}

static int make_initrd(const struct image_config *config, struct making *making,
		       struct tare_err *err)
{
	__attribute__((cleanup(image_initramfs_clear))) struct image_initramfs fs = {0};
	int r = image_initramfs_add_programs(&fs, config->libexec_dir, config->journal, err);

	if (r == 0)
		r = choose_modules(config, making, &fs, err);
	if (r == 0)
		r = image_initramfs_pack(&fs, &making->initrd, err);
	if (r == 0)
		r = digest_bytes(making->initrd.at, making->initrd.size, making->initrd_sha256,
				 err);
	making->sources = json_incref(fs.sources);
	return err_wrap(err, r, "initramfs");
}

static int make_id(struct making *making, struct tare_err *err)
{
	cleanup_free char *text =
		text_format("%s\nkernel %s\ninitrd %s\nwork disk\n%s", IMAGE_SCHEMA,
			    making->kernel.sha256, making->initrd_sha256, VM_IMAGES_WORK_DISK);

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	return digest_bytes(text, strlen(text), making->id, err);
}

static int make_work_disk(const struct image_config *config, const char *folder,
			  struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/work.img", folder);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = disk_make_file(path, 0, config->journal, err);
	/* The cache believes what is there, and image.json says that all is. */
	if (r == 0)
		r = fd_sync_file(path, err);
	return err_wrap(err, r, "make the work disk");
}

static bool has_size(const char *folder, const char *file, uint64_t bytes)
{
	cleanup_free char *path = text_format("%s/%s", folder, file);
	struct stat st;

	return path && bytes && stat(path, &st) == 0 && (uint64_t)st.st_size == bytes;
}

/* What an image says of itself. One whose files a crash cut off is none. */
static json_t *read_whole(const char *folder)
{
	cleanup_json json_t *about = NULL;

	if (image_cache_read(folder, "image.json", IMAGE_SCHEMA, &about, NULL) < 0 ||
	    !has_size(folder, "vmlinux",
		      json_u64_or(json_object_get(about, "kernel"), "bytes", 0)) ||
	    !has_size(folder, "initrd.cpio",
		      json_u64_or(json_object_get(about, "initrd"), "bytes", 0)))
		return NULL;
	return take_pointer(about);
}

static json_t *describe(const struct making *making)
{
	json_t *modules = json_array();

	for (size_t i = 0; i < making->modules.n; i++)
		(void)json_array_append_new(modules, json_string(making->modules.names[i]));
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:I}, s:{s:s, s:I, s:o}}", "schema",
			 IMAGE_SCHEMA, "id", making->id, "kernel", "name", making->kernel.name,
			 "release", making->kernel.release, "sha256", making->kernel.sha256,
			 "bytes", (json_int_t)making->kernel.bytes, "initrd", "sha256",
			 making->initrd_sha256, "bytes", (json_int_t)making->initrd.size, "modules",
			 modules);
}

static int place_kernel(const struct image_kernel *kernel, const char *folder, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/vmlinux", folder);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (link(kernel->vmlinux, path) == 0)
		return 0;
	/* A filesystem without links. That of User-Mode Linux is executed. */
	int r = disk_copy_file(kernel->vmlinux, path, err);

	if (r == 0 && chmod(path, 0755) < 0)
		r = err_errno(err, "chmod '%s'", path);
	return r == 0 ? fd_sync_file(path, err) : r;
}

static int fill(const struct image_config *config, const struct making *making, const char *folder,
		struct tare_err *err)
{
	cleanup_free char *initrd = text_format("%s/initrd.cpio", folder);
	cleanup_json json_t *about = describe(making);
	int r;

	if (!initrd || !about)
		return err_set(err, ENOMEM, "out of memory");
	r = place_kernel(&making->kernel, folder, err);
	if (r == 0)
		r = image_bytes_write(&making->initrd, initrd, err);
	if (r == 0)
		r = make_work_disk(config, folder, err);
	if (r == 0)
		r = image_cache_write(folder, "image.json", about, err);
	return r;
}

static int make(const struct image_config *config, const struct making *making, const char *target,
		struct tare_err *err)
{
	cleanup_free char *temp = NULL;
	int r;

	if (config->say)
		config->say("making the guest's image", config->context);
	r = image_cache_begin(config->cache_dir, "image", config->journal, &temp, err);
	if (r < 0)
		return r;
	r = fill(config, making, temp, err);
	if (r == 0)
		r = image_cache_finish(temp, target, err);
	if (r < 0)
		(void)fd_remove_tree(temp, NULL);
	return r;
}

static void copy_text(const json_t *object, const char *key, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", json_string_or(object, key, ""));
}

/* Nobody may remove it from now on. */
static int hold(struct image *image, const json_t *about, char *taken_folder, struct tare_err *err)
{
	const json_t *kernel = json_object_get(about, "kernel");

	image->folder = taken_folder;
	image->vmlinux = text_format("%s/vmlinux", taken_folder);
	image->initrd = text_format("%s/initrd.cpio", taken_folder);
	image->work_disk = text_format("%s/work.img", taken_folder);
	image->lock_fd = open(taken_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!image->vmlinux || !image->initrd || !image->work_disk)
		return err_set(err, ENOMEM, "out of memory");
	if (image->lock_fd < 0 || flock(image->lock_fd, LOCK_SH | LOCK_NB) < 0)
		return err_errno(err, "lock '%s'", taken_folder);
	image_cache_touch(taken_folder);
	copy_text(about, "id", image->id, sizeof(image->id));
	copy_text(kernel, "release", image->kernel_release, sizeof(image->kernel_release));
	copy_text(kernel, "sha256", image->kernel_sha256, sizeof(image->kernel_sha256));
	copy_text(json_object_get(about, "initrd"), "sha256", image->initrd_sha256,
		  sizeof(image->initrd_sha256));
	return 0;
}

/* The slow way: put together what goes in, and see whether there is such an image already. */
static int find_or_make(const struct image_config *config, char ret_id[DIGEST_SIZE],
			struct tare_err *err)
{
	__attribute__((cleanup(cleanup_makingp))) struct making *making =
		calloc(1, sizeof(*making));
	cleanup_free char *folder = NULL;
	cleanup_json json_t *about = NULL;
	int r;

	if (!making)
		return err_set(err, ENOMEM, "out of memory");
	if ((r = image_kernel_ensure(config, &making->kernel, err)) < 0 ||
	    (r = make_initrd(config, making, err)) < 0 || (r = make_id(making, err)) < 0)
		return r;
	folder = image_cache_path(config->cache_dir, IMAGE_IMAGES, making->id);
	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	about = read_whole(folder);
	if (!about) {
		r = make(config, making, folder, err);
		if (r < 0)
			return r;
		image_cache_prune(config->cache_dir, IMAGE_IMAGES, IMAGES_KEPT);
	}
	/* One without modules may get some beside it, of which nothing would tell. */
	if (making->kernel.modules)
		image_index_note(config, making->sources, making->id);
	memcpy(ret_id, making->id, DIGEST_SIZE);
	return 0;
}

int image_ensure(const struct image_config *config, struct image *ret, struct tare_err *err)
{
	cleanup_free char *folder = NULL;
	cleanup_json json_t *about = NULL;
	char id[DIGEST_SIZE];
	int r = 0;

	*ret = (struct image){.lock_fd = -1};
	cleanup_close int lock =
		image_cache_lock(config->cache_dir, config->say, config->context, err);

	if (lock < 0)
		return lock;
	if (image_index_find(config, id) &&
	    (folder = image_cache_path(config->cache_dir, IMAGE_IMAGES, id)))
		about = read_whole(folder);
	if (!about) {
		free(take_pointer(folder));
		r = find_or_make(config, id, err);
		if (r < 0)
			return err_wrap(err, r, "guest image");
		folder = image_cache_path(config->cache_dir, IMAGE_IMAGES, id);
		about = folder ? read_whole(folder) : NULL;
	}
	if (!about)
		return err_set(err, EIO, "guest image: '%s' is gone as soon as it is made",
			       folder ? folder : "?");
	r = hold(ret, about, take_pointer(folder), err);
	if (r < 0)
		image_release(ret);
	return r;
}

void image_release(struct image *image)
{
	if (image->lock_fd >= 0)
		(void)close(image->lock_fd);
	free(image->folder);
	free(image->vmlinux);
	free(image->initrd);
	free(image->work_disk);
	*image = (struct image){.lock_fd = -1};
}
