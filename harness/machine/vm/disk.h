/* SPDX-License-Identifier: MIT */
#pragma once
/* disk: each guest's own copy of the work disk, on the filesystem that is under test. */

#include <stdbool.h>

struct tare_err;
struct journal;

/* Copy the raw image, holes left out, to folder/.NAME.disk; *ret_path is new memory. It is
 * journaled first. *ret_direct: the filesystem does O_DIRECT, so that the host's page cache stays
 * out of the way. */
int disk_copy(const char *image, const char *folder, const char *name, struct journal *journal,
	      char **ret_path, bool *ret_direct, struct tare_err *err);

/* As disk_copy, to a file that is not journaled: for the cache, made under another name first. */
int disk_copy_file(const char *from, const char *to, struct tare_err *err);
