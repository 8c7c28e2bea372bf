/* SPDX-License-Identifier: MIT */
#pragma once
/* pack: archives whose packing nothing tells, and the archive that a folder makes. */

#include "image/layer.h"

struct tare_err;
struct journal;

/* By the first bytes; fd is at its start again afterwards. */
int pack_detect(int fd, enum layer_packing *ret, struct tare_err *err);

/* Unpack what tar(1) makes of the folder path, in a fixed order: the same tree is the same layer.
 * -ENOTSUP: there is no tar. */
int pack_tree(const char *path, struct journal *journal, const struct image_limits *limits,
	      int dir_fd, struct layer_totals *totals, char ret_diff_id[DIGEST_SIZE],
	      struct tare_err *err);
