/* SPDX-License-Identifier: MIT */
#pragma once
/* limits: what an image may be at most. Images come from anywhere: a hostile one must cost a
 * bounded amount of disk, memory and time, and is refused with a sentence. */

#include <stdint.h>

struct image_limits {
	uint64_t bytes;   /* of all layers, unpacked */
	uint64_t entries; /* of all layers */
	/* Unpacked to packed. gzip makes at most 1032 of 1, and zstd much more; real layers stay
	 * below 20. Counted from ratio_from bytes on. */
	uint64_t ratio, ratio_from;
};

#define IMAGE_LIMITS                                                                               \
	{                                                                                          \
		.bytes = 32ULL << 30, .entries = 1000000, .ratio = 200, .ratio_from = 64ULL << 20  \
	}

#define IMAGE_JSON_MAX   (4U << 20) /* an index, a manifest, a configuration */
#define IMAGE_PATH_MAX   4096
#define IMAGE_NAME_MAX   255
#define IMAGE_DEPTH_MAX  128 /* folders in folders */
#define IMAGE_XATTRS_MAX 64  /* of a file */
#define IMAGE_NESTED_MAX 4   /* indexes in indexes */
