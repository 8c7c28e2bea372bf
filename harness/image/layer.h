/* SPDX-License-Identifier: MIT */
#pragma once
/* layer: unpacks a layer's archive into a folder, in the form in which overlayfs stacks it.
 *
 * Whiteouts become character devices 0:0, opaque folders get user.overlay.opaque, which an
 * overlayfs with `userxattr` obeys, in a user namespace too. Each entry's folder is opened
 * through openat2(2), beneath the layer's and through no link. Owners, modes (setuid too: the
 * store is closed to others, and boxes mount it nosuid) and times are kept. Devices are left out.
 */

#include <jansson.h>
#include <stdint.h>

#include "base/digest.h"
#include "image/limits.h"

struct tare_err;

enum layer_packing { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };

struct layer_source {
	int fd; /* read from where it stands */
	enum layer_packing packing;
	uint64_t packed_bytes; /* 0: unknown; then there is no ratio */
	const char *diff_id;   /* what the archive's digest must be; NULL: whatever it is */
};

/* Counted over all layers of an image. */
struct layer_totals {
	uint64_t bytes, entries, left_out;
	json_t *left_out_names; /* the first few of them; may be NULL */
};

/* Into the empty folder dir_fd. -EBADMSG: it is damaged or not what diff_id says. -EBADMSG: an
 * entry may not be. -E2BIG: it is larger than the limits. */
int layer_unpack(const struct layer_source *source, const struct image_limits *limits, int dir_fd,
		 struct layer_totals *totals, char ret_diff_id[DIGEST_SIZE], struct tare_err *err);
