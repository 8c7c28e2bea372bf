/* SPDX-License-Identifier: MIT */
#pragma once
/* treecopy: a whole tree of files, copied with owners, modes, times and extended attributes. */

struct tare_err;

/* From the folder from_fd into the empty folder to_fd; both stay open. Follows no link, shares
 * blocks where the filesystem can, leaves holes out; hard links within the tree stay one file. */
int treecopy(int from_fd, int to_fd, struct tare_err *err);
