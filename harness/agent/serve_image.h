/* SPDX-License-Identifier: MIT */
#pragma once
/* serve_image: the call `image`: mounts the guest's root disk as the one layer of a store of
 * images, so that boxes have it as their root as they have those of the host's store. */

#include <jansson.h>

struct tare_err;
struct trial_place;

/* -ENODEV: there is no such disk. -EBADMSG. */
int serve_image(const struct trial_place *place, const json_t *arguments, struct tare_err *err);
