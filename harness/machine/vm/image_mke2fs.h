/* SPDX-License-Identifier: MIT */
#pragma once
/* image_mke2fs: a raw ext4 filesystem by mke2fs(8), the same bytes each time. */

struct tare_err;
struct journal;

struct image_mke2fs {
	const char *recipe; /* of vm-images/: an option a line; '#' begins a comment */
	const char *path;   /* the file to be made */
	/* Of what depends on the contents; NULL: the recipe's last line is the size. */
	const char *size, *inodes, *tree;
	int timeout_ms;
	struct journal *journal;
};

/* -ENOTSUP: there is no mke2fs. -EIO: it failed, in its own words. */
int image_mke2fs(const struct image_mke2fs *make, struct tare_err *err);
