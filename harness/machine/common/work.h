/* SPDX-License-Identifier: MIT */
#pragma once
/* work: the host's folder under test on a disk of its own: an ext4 filesystem of the same recipe
 * as a guest's, in a file beside the guests', on a loop device. */

#include <jansson.h>
#include <stdint.h>

#include "kernel/loop.h"

struct tare_err;
struct journal;

struct work {
	struct journal *journal;
	char *image, *folder; /* NULL: there is none */
	struct loop loop;
};

/* A new one; bytes 0: as the recipe says. On failure nothing is left. */
int work_open(const char *work_dir, const char *name, uint64_t bytes, struct journal *journal,
	      struct work *ret, struct tare_err *err);
/* "work_disk" of the instance. New reference. */
json_t *work_describe(const struct work *work);
/* Take it down, also one that is all zero with loop.fd -1. */
int work_close(struct work *work, struct tare_err *err);
