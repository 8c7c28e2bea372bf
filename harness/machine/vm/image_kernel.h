/* SPDX-License-Identifier: MIT */
#pragma once
/* image_kernel: the kernel of a guest, in the cache: Debian's cloud kernel or User-Mode Linux,
 * taken from its package and never installed, or a file of the user's. */

#include <stdint.h>

#include "base/digest.h"
#include "machine/vm/image.h"

struct tare_err;

struct image_kernel {
	char *name;    /* its folder's in the cache */
	char *vmlinux; /* in that folder */
	char *modules; /* lib/modules/RELEASE; NULL: it has none */
	char release[IMAGE_RELEASE_SIZE];
	char sha256[DIGEST_SIZE]; /* of vmlinux */
	uint64_t bytes;           /* as well */
};

void image_kernel_clear(struct image_kernel *kernel);

/* The caller holds the cache's lock. */
int image_kernel_ensure(const struct image_config *config, struct image_kernel *ret,
			struct tare_err *err);
