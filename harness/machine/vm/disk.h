/* SPDX-License-Identifier: MIT */
#pragma once
/* disk: the work disk, a raw ext4 filesystem by vm-images/work-disk: each guest's own, on the
 * filesystem that is under test; and the host's, see kernel/loop.h. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct disk_mode;
struct journal;

/* Of what mke2fs makes a filesystem like that of the recipe, and what fits on a disk of today. */
#define DISK_LEAST (64ULL << 20)
#define DISK_MOST  (64ULL << 30)

struct disk_plan {
	const char *image; /* a raw image to be copied, holes left out; NULL: make it anew */
	uint64_t bytes;    /* of one that is made; 0: as the recipe says */
	const char *folder, *name;
	struct journal *journal;
};

/* Make folder/.NAME.disk, journaled first; *ret_path is new memory. *ret_direct: the filesystem
 * does O_DIRECT, so that the host's page cache can be kept out of the way. */
int disk_make(const struct disk_plan *plan, char **ret_path, bool *ret_direct,
	      struct tare_err *err);

/* The size that an option asks for. */
int disk_parse_size(const char *what, const char *text, uint64_t *ret, struct tare_err *err);

/* An empty one to a file that is not journaled. bytes 0: as the recipe says. */
int disk_make_file(const char *path, uint64_t bytes, struct journal *journal, struct tare_err *err);

/* A copy, holes left out, to a file that is not journaled: for the cache, made under another name
 * first. */
int disk_copy_file(const char *from, const char *to, struct tare_err *err);

/* "work_disk" of an instance: {"kind", "bytes", "cache", "aio", "direct"}; without mode, there are
 * no "cache" and "aio". New reference. */
json_t *disk_describe(const char *kind, const char *path, const struct disk_mode *mode,
		      bool direct);
