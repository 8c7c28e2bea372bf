/* SPDX-License-Identifier: MIT */
#pragma once
/* kept: folders in the cache that are made once, never changed, and shown to many boxes. */

#include <stddef.h>

struct tare_err;
struct box_place;

#define KEPT_PATH_SIZE 256
#define KEPT_STORE_MAX 180 /* the rest is for the name of what is in it, often a digest */

/* The folder `kind` of the cache, made if it is not there. -EPERM: others can write to it, and so
 * decide what boxes see. */
int kept_store(const struct box_place *place, const char *kind, char ret[KEPT_PATH_SIZE],
	       struct tare_err *err);

/* Make the folder at path, in a store, by fill() on an empty one of mode 0700. It is made aside and
 * renamed: whoever finds it finds all of it, and who comes second leaves the first one's. */
int kept_make(const struct box_place *place, const char *path,
	      int (*fill)(void *context, int dirfd, struct tare_err *err), void *context,
	      struct tare_err *err);
