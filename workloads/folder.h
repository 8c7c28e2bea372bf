/* SPDX-License-Identifier: MIT */
#pragma once
/* folder: a new folder of a load's own below workload_work_dir(), with a name for one file.
 *
 * Loads reach the file from the folder's descriptor, so that what lies above it, which differs
 * between environments, is never walked. */

#include <stddef.h>

struct tare_err;

#define FOLDER_DEPTH_MAX 32

struct folder {
	int fd;
	unsigned int depth;              /* names to walk from fd to the file: 1 is "f" */
	char file[2 * FOLDER_DEPTH_MAX]; /* "d/d/f" */
	char path[512];                  /* "" while there is none */
};

/* -errno; what was made until then is removed by folder_remove(), also of a zeroed folder. */
int folder_make(struct folder *folder, unsigned int depth, struct tare_err *err);
void folder_remove(struct folder *folder);

/* The same with the depth as a parameter's text, and a small file. */
int folder_make_with_file(struct folder *folder, const char *depth, struct tare_err *err);

/* Make the file, `size` bytes of written data that have reached the disk. Gives back its
 * descriptor, for reading and writing, with O_CLOEXEC and `flags`. */
int folder_make_file(const struct folder *folder, size_t size, int flags, struct tare_err *err);
