/* SPDX-License-Identifier: MIT */
#pragma once
/* image_cache: where kernels and images are, who may change them, and how they come there whole. */

#include <jansson.h>

struct tare_err;
struct journal;

#define IMAGE_KERNELS "kernels"
#define IMAGE_IMAGES  "images"
#define IMAGE_DISKS   "disks"
#define IMAGE_INDEX   "index"
#define IMAGE_SAVED   "snapshots"

#define IMAGE_SCHEMA        "tare.guest-image/1"
#define IMAGE_KERNEL_SCHEMA "tare.guest-kernel/1"
#define IMAGE_DISK_SCHEMA   "tare.guest-disk/1"
#define IMAGE_INDEX_SCHEMA  "tare.guest-index/1"

/* The lock of CACHE/guest, which is made: a descriptor to be closed. Waits for whoever has it,
 * after saying so by say (may be NULL). */
int image_cache_lock(const char *cache_dir, void (*say)(const char *what, void *context),
		     void *context, struct tare_err *err);

/* CACHE/guest/KIND/NAME. NULL: out of memory. */
char *image_cache_path(const char *cache_dir, const char *kind, const char *name);

/* An empty folder to make something in, journaled; its name is new memory. */
int image_cache_begin(const char *cache_dir, const char *kind, struct journal *journal, char **ret,
		      struct tare_err *err);
/* Rename it to where it shall be, over what is there. */
int image_cache_finish(const char *made, const char *target, struct tare_err *err);

/* Note that KIND/NAME is in use: image_cache_prune() takes what was not used for longest. */
void image_cache_touch(const char *folder);
/* Leave the `keep` newest of a kind; what is locked stays. That one cannot be removed is told when
 * the disk is full, not before. */
void image_cache_prune(const char *cache_dir, const char *kind, size_t keep);

/* FOLDER/FILE, which must have that schema. -ENOENT: it is not there; -EBADMSG: damaged. */
int image_cache_read(const char *folder, const char *file, const char *schema, json_t **ret,
		     struct tare_err *err);
int image_cache_write(const char *folder, const char *file, const json_t *object,
		      struct tare_err *err);
