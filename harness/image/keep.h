/* SPDX-License-Identifier: MIT */
#pragma once
/* keep: writes the store that box/common/stored.h describes: layers and names, whole or not at
 * all. What is being made lies in a journaled folder of its own and is renamed into place. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct tare_err;
struct journal;
struct keep;

int keep_open(const char *cache_dir, struct journal *journal, struct keep **ret,
	      struct tare_err *err);
void keep_close(struct keep *keep); /* removes what was not finished */

const char *keep_folder(const struct keep *keep);
/* An empty folder for whatever the import needs; the caller closes the fd. */
int keep_work_folder(struct keep *keep, struct tare_err *err);

bool keep_has_layer(const struct keep *keep, const char *diff_id);
int keep_begin_layer(struct keep *keep, struct tare_err *err);
int keep_end_layer(struct keep *keep, int dir_fd, const char *diff_id, uint64_t bytes,
		   uint64_t entries, struct tare_err *err);
/* An image of that name is replaced. */
int keep_name(struct keep *keep, const char *name, json_t *about, struct tare_err *err);

/* [{"name", "id", "layers": N, "bytes", "source"}]; an image that is damaged says so. */
int keep_list(const char *cache_dir, json_t **ret, struct tare_err *err);
/* All that is stored of one, and of its layers. -ENOENT. */
int keep_inspect(const char *cache_dir, const char *name, json_t **ret, struct tare_err *err);
/* Whether an image has exactly these layers. */
int keep_has_image(const char *cache_dir, const json_t *layers, bool *ret, struct tare_err *err);
/* Remove a name (NULL: all) and the layers that no other image has. -ENOENT; -EBUSY: a box uses
 * one. */
int keep_remove(const char *cache_dir, const char *name, struct tare_err *err);
