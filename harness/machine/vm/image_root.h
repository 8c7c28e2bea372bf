/* SPDX-License-Identifier: MIT */
#pragma once
/* image_root: an image of the store (box/common/stored.h) as a guest's disk: its layers merged
 * into one ext4 filesystem, made once and kept, by content, below the cache:
 *
 *   CACHE/guest/disks/ID/   root.img, root.json; ID is the SHA-256 of the layers' digests and
 *                           of vm-images/root-disk
 *
 * The same layers give the same bytes. Guests only ever read it. */

#include <jansson.h>

#include "base/digest.h"
#include "machine/vm/image.h"

struct tare_err;

struct image_root {
	char id[DIGEST_SIZE];
	char *folder, *disk;
	/* What a guest has to know to use it as a store: "layers" is the ID alone. */
	json_t *about;
	int lock_fd; /* as long as it is open, it is not removed */
};

/* Find the disk of the image of that name or make it; two processes may do so at once. -ENOENT:
 * there is no such image. -EPERM: not root. */
int image_root_ensure(const struct image_config *config, const char *name, struct image_root *ret,
		      struct tare_err *err);
/* Lets go of it; also of one that is all zero with lock_fd -1. */
void image_root_release(struct image_root *root);

/* Remove the disks of images that are in the store no more; one that a guest uses stays. */
int image_root_collect(const char *cache_dir, struct tare_err *err);
