/* SPDX-License-Identifier: MIT */
#pragma once
/* image_bytes: whole files in memory, and what is packed in them. */

#include <stddef.h>
#include <stdint.h>

struct tare_err;

struct image_bytes {
	unsigned char *at; /* malloc()ed */
	size_t size;
};

void image_bytes_clear(struct image_bytes *bytes);
#define cleanup_bytes __attribute__((cleanup(image_bytes_clear)))
/* Give them away: the variable is empty afterwards. */
struct image_bytes image_bytes_take(struct image_bytes *bytes);

/* -EFBIG: the file is larger than max. */
int image_bytes_read(const char *path, size_t max, struct image_bytes *ret, struct tare_err *err);
/* To a file that is not there yet, made durable. */
int image_bytes_write(const struct image_bytes *bytes, const char *path, struct tare_err *err);

/* Unpack gzip, bzip2, xz, zstd or lz4 (its frames and the kernel's legacy form). -EBADMSG: damaged
 * or something else; -EFBIG: it becomes larger than max. */
int image_bytes_unpack(const void *packed, size_t size, size_t max, struct image_bytes *ret,
		       struct tare_err *err);
