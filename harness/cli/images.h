/* SPDX-License-Identifier: MIT */
#pragma once
/* images: what `tare image` does with root filesystems, beside the guests' images. */

#include <jansson.h>
#include <stdbool.h>

#include "cli/places.h"

struct tare_err;

/* dockerfile: source is a folder with one. */
int images_import(const struct places *places, const char *source, bool dockerfile,
		  const char *name, json_t **ret_about, struct tare_err *err);
void images_print(const json_t *list);
