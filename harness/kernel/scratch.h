/* SPDX-License-Identifier: MIT */
#pragma once
/* scratch: empty folders on disk, handed out and used again.
 *
 * A folder of its own for each run costs a launch a third of a millisecond on ext4, nearly all of
 * it for giving back the folder's block. These are numbered below a parent and held by flock(2) as
 * long as somebody has them, so a death leaves nothing to undo but what was put in: whoever takes
 * or sweeps next removes a folder that is not as it was made. */

#include <stdbool.h>
#include <stddef.h>

struct tare_err;

#define SCRATCH_PATH_SIZE 288
/* Where tare keeps them, below its cache. */
#define SCRATCH_WORK      "work"

/* An empty folder below parent, of mode 01777 and our own, which is made if need be. Gives back
 * the descriptor that holds it. */
int scratch_take(const char *parent, char ret_path[SCRATCH_PATH_SIZE], struct tare_err *err);
/* It stays for the next one if it is as it was made, else it is removed. Closes fd. */
int scratch_give_back(int fd, const char *path, struct tare_err *err);

/* Remove each folder below parent that nobody holds and that is not as it was made; said is called
 * for each. A missing parent has none. */
int scratch_sweep(const char *parent, void (*said)(const char *path, void *context), void *context,
		  struct tare_err *err);
