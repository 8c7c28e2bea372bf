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

/* The file of the running kernel, below root ("" but in tests), which has to be of that release;
 * new memory. -ENOTSUP: there is none that can be read. */
int image_kernel_of_host(const char *root, const char *release, char **ret, struct tare_err *err);

/* A link among the kernels in the cache to the one that is taken when none is named; new memory. */
char *image_kernel_default_link(const struct image_config *config);

/* The caller holds the cache's lock. */
int image_kernel_ensure(const struct image_config *config, struct image_kernel *ret,
			struct tare_err *err);
