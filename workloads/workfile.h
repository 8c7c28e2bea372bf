/* SPDX-License-Identifier: MIT */
#pragma once
/* workfile: one open file in a folder of a load's own (folder.h). */

#include "folder.h"

struct workfile {
	struct folder folder;
	int fd;
};

/* size: bytes of written data that have reached the disk. flags: of open(2), beside O_RDWR. */
int workfile_make(struct workfile *file, size_t size, int flags, struct tare_err *err);
/* Of a zeroed one as well. */
void workfile_remove(struct workfile *file);
