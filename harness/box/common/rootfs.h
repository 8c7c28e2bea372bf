/* SPDX-License-Identifier: MIT */
#pragma once
/* rootfs: the small root filesystem that comes with tare: tare-load, busybox, /etc.
 *
 * It lies in the cache under the digest of all it is made from, so that it is made once, is
 * never changed, and never mistaken for another. It belongs to `owner`, who is root inside. */

#include <stddef.h>
#include <sys/types.h>

#include "box/common/kept.h"

struct tare_err;
struct box_place;

#define ROOTFS_PATH_SIZE KEPT_PATH_SIZE

/* The folder of the tree, made if it is not there, verified if it is. */
int rootfs_prepare(const struct box_place *place, uid_t owner, char ret_path[ROOTFS_PATH_SIZE],
		   struct tare_err *err);
