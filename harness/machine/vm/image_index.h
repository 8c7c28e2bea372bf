/* SPDX-License-Identifier: MIT */
#pragma once
/* image_index: which image was made of which files, so that a start finds its image without packing
 * one to learn its name: a note a way of asking, CACHE/guest/index/DIGEST. */

#include <jansson.h>
#include <stdbool.h>

#include "base/digest.h"

struct image_config;

/* The image that was last made for this question, if none of its files has changed since. */
bool image_index_find(const struct image_config *config, char ret_id[DIGEST_SIZE]);

/* sources: a list of paths. Losing a note costs time and nothing else. */
void image_index_note(const struct image_config *config, const json_t *sources, const char *id);
