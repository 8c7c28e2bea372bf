/* SPDX-License-Identifier: MIT */
#pragma once
/* image_initramfs: an archive for the kernel to unpack (newc), the same bytes for the same content:
 * names in order, no times, no owners, inodes counted. Not compressed: below 7 MB it gains nothing
 * at boot. */

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "machine/vm/image_bytes.h"

struct tare_err;
struct image_modules;
struct journal;
struct image_module_store;

struct image_entry {
	char *name; /* "bin/busybox" */
	mode_t mode;
	dev_t device;
	struct image_bytes content;
};

struct image_initramfs {
	struct image_entry *entries;
	size_t n, room;
	json_t *sources; /* a list: the files that it was made of, or would be if they were there */
};

void image_initramfs_clear(struct image_initramfs *fs);

/* mode: with S_IFREG, S_IFDIR, S_IFCHR or S_IFLNK (content: where to). Empties content (may be
 * NULL), also on failure. */
int image_initramfs_add(struct image_initramfs *fs, const char *name, mode_t mode,
			struct image_bytes *content, struct tare_err *err);

/* What every guest has: folders, a console, tare-agent as /init, tare-load; busybox and a link for
 * each of its applets if the host has one. */
int image_initramfs_add_programs(struct image_initramfs *fs, const char *libexec_dir,
				 struct journal *journal, struct tare_err *err);
/* /lib/modules/NAME.ko, and /lib/modules/order with a name a line. */
int image_initramfs_add_modules(struct image_initramfs *fs, const struct image_modules *modules,
				const struct image_module_store *store, struct tare_err *err);

/* Sorts the entries. -EEXIST: two have one name. */
int image_initramfs_pack(struct image_initramfs *fs, struct image_bytes *ret, struct tare_err *err);
