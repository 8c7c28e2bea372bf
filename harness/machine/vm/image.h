/* SPDX-License-Identifier: MIT */
#pragma once
/* image: what a guest boots from: an ELF kernel, an initramfs around tare-agent, an empty work
 * disk. Made once and kept, by content, below the cache:
 *
 *   CACHE/guest/kernels/NAME/  vmlinux, kernel.json and lib/modules of a kernel
 *   CACHE/guest/images/ID/     vmlinux, initrd.cpio, work.img, image.json; ID is the SHA-256 of
 *                              all that goes into them
 *
 * vm-images/ is the recipe. */

#include <jansson.h>
#include <stdbool.h>

#include "base/digest.h"

struct tare_err;
struct journal;

#define IMAGE_RELEASE_SIZE 65

struct image_config {
	const char *cache_dir;
	const char *libexec_dir; /* holds tare-agent and tare-load */
	const char *kernel;      /* a bzImage or vmlinux; NULL: Debian's cloud kernel */
	bool uml;                /* for User-Mode Linux, by Debian's package; kernel is NULL */
	bool newest;             /* ask apt for a newer one even if there is one in the cache */
	struct journal *journal; /* may be NULL */
	/* Told of each step that takes long; may be NULL. */
	void (*say)(const char *what, void *context);
	void *context;
};

struct image {
	char *folder;
	char *vmlinux;   /* ELF, with an entry for PVH */
	char *initrd;    /* newc, uncompressed */
	char *work_disk; /* raw ext4, sparse: to be copied, never written */
	char id[DIGEST_SIZE];
	char kernel_release[IMAGE_RELEASE_SIZE]; /* as uname -r in the guest */
	char kernel_sha256[DIGEST_SIZE];         /* of vmlinux */
	char initrd_sha256[DIGEST_SIZE];
	int lock_fd; /* as long as it is open, image_remove leaves the image alone */
};

/* Find the image or make it; two processes may do so at once. -ENOTSUP: a program is missing that
 * it takes to make one. The paths belong to the image. */
int image_ensure(const struct image_config *config, struct image *ret, struct tare_err *err);

/* Lets go of it; also of one that is all zero with lock_fd -1. */
void image_release(struct image *image);

/* {"images": [{"id", "folder", "bytes", "kernel": {...}, ...}], "kernels": [{"name", ...}],
 * "disks": [{"id", "name", "layers", ...}]}, in order. An empty or missing cache gives empty
 * lists. */
int image_list(const char *cache_dir, json_t **ret, struct tare_err *err);

/* Remove an image or a disk by its ID or the beginning of it, or a kernel by its name; NULL: all.
 * -ENOENT: there is none; -EBUSY: a guest runs from it. */
int image_remove(const char *cache_dir, const char *name, struct tare_err *err);
