/* SPDX-License-Identifier: MIT */
#pragma once
/* image_ext4: what mke2fs leaves to chance in a filesystem that it fills from a tree.
 *
 * It takes over when each file was last read and changed, which for an image's files is when they
 * were unpacked; only the times of their contents are the image's. */

struct tare_err;

/* In the raw filesystem of vm-images/root-disk: a file's time of contents becomes all its times.
 * -EBADMSG: it is no such filesystem. */
int image_ext4_settle_times(const char *path, struct tare_err *err);
