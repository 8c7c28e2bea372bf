/* SPDX-License-Identifier: MIT */
#pragma once
/* image_modules: which kernel modules a guest gets, and in which order it loads them. */

#include <stdbool.h>
#include <stddef.h>

#include "machine/vm/image_bytes.h"

struct tare_err;

#define IMAGE_MODULES_MAX     128
#define IMAGE_MODULE_NAME_MAX 64
#define IMAGE_DEPENDS_MAX     1024

struct image_modules {
	char names[IMAGE_MODULES_MAX][IMAGE_MODULE_NAME_MAX]; /* in the order of loading */
	size_t n;
};

/* What a name is: tells what it depends on, apart by commas. */
enum image_module_kind {
	IMAGE_MODULE_UNKNOWN,
	IMAGE_MODULE_BUILT_IN,
	IMAGE_MODULE_FILE,
};
struct image_module_finder {
	/* An enum image_module_kind or -errno; ret_depends has IMAGE_DEPENDS_MAX bytes. */
	int (*find)(void *context, const char *name, char *ret_depends, struct tare_err *err);
	void *context;
};

/* A value of .modinfo of an ELF module: 1, or 0 when it has none. -EBADMSG: no such ELF file, or
 * the value is too long. */
int image_modinfo_get(struct image_bytes *module, const char *key, char *ret, size_t size,
		      struct tare_err *err);

/* recipe: as vm-images/modules. -ENOENT: one that must be there is not; -ELOOP: they depend on each
 * other. */
int image_modules_order(const char *recipe, const struct image_module_finder *finder,
			struct image_modules *ret, struct tare_err *err);

/* The modules of a folder lib/modules/RELEASE. */
struct image_module_store;
int image_module_store_open(const char *folder, struct image_module_store **ret,
			    struct tare_err *err);
void image_module_store_close(struct image_module_store **store);
/* Its finder; valid as long as the store. */
struct image_module_finder image_module_store_finder(struct image_module_store *store);
/* Its file, as long as the store; NULL: there is none. */
const char *image_module_store_path(const struct image_module_store *store, const char *name);
/* A module's ELF file, unpacked if need be. */
int image_module_store_read(const struct image_module_store *store, const char *name,
			    struct image_bytes *ret, struct tare_err *err);
