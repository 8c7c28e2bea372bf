/* SPDX-License-Identifier: MIT */
#pragma once
/* import: puts an image of somebody else's into the store, see box/common/stored.h. */

#include <jansson.h>

#include "image/limits.h"

struct tare_err;
struct journal;

struct import_config {
	const char *cache_dir;
	struct journal *journal;
	const char *source;      /* "oci:DIR:TAG" */
	const char *name;        /* NULL: from named_after */
	const char *named_after; /* a path; NULL: the source's */
	const struct image_limits *limits;
	void (*say)(const char *what, void *context); /* may be NULL */
	void *context;
};

/* Every digest is verified before what it is of is read. Layers that are there already are not
 * unpacked again. *ret_about is what the store holds of it. -EBADMSG, -EINVAL, -E2BIG: the image is
 * damaged, hostile or too large; then nothing is left of it. */
int import_image(const struct import_config *config, json_t **ret_about, struct tare_err *err);
