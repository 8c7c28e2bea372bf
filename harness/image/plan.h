/* SPDX-License-Identifier: MIT */
#pragma once
/* plan: what to do with an entry of a layer's archive, from its name and kind alone. Pure. */

#include <stddef.h>
#include <sys/types.h>

#include "image/limits.h"

struct tare_err;

enum plan_action {
	PLAN_MAKE,      /* a file, a folder, a link, a pipe */
	PLAN_HARDLINK,  /* another name of `target` */
	PLAN_WHITEOUT,  /* hide `name` of the layers below */
	PLAN_OPAQUE,    /* hide all that the layers below have in `parent` */
	PLAN_ROOT,      /* the layer's own folder */
	PLAN_LEAVE_OUT, /* a device or what only other programs want */
};

/* Paths are relative, without "." and empty parts. */
struct plan {
	enum plan_action action;
	char parent[IMAGE_PATH_MAX]; /* "": the layer's folder */
	char name[IMAGE_NAME_MAX + 1];
	char target[IMAGE_PATH_MAX]; /* of a hard link */
};

/* hardlink: its target, or NULL. A leading "/" is the layer's own folder. -EBADMSG: "..", or a name
 * that is too long, too deep or no name at all. */
int plan_entry(const char *path, mode_t type, const char *hardlink, struct plan *ret,
	       struct tare_err *err);
