/* SPDX-License-Identifier: MIT */
#pragma once
/* dockerfile: builds an image from a folder with a Dockerfile, by buildah(1). */

#include "image/import.h"

struct tare_err;

/* Build the folder and import what came out; source is set by it. -ENOTSUP: there is no buildah. */
int dockerfile_build(const struct import_config *config, const char *folder, json_t **ret_about,
		     struct tare_err *err);
