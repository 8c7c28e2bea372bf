/* SPDX-License-Identifier: MIT */
#pragma once
/* extras: what a user asks of a box for one command, with docker's names and meanings. They come
 * as a JSON object, since they may have to go to a guest:
 *
 *   hostname "NAME", user "USER[:GROUP]", read_only true, init true, volumes ["SRC:DST[:ro]"],
 *   tmpfs ["PATH[:OPTIONS]"], cap_add ["NAME"], cap_drop ["NAME"],
 *   seccomp "unconfined" or a profile as the OCI image tools write it */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "box/common/mounts.h"

struct tare_err;

#define EXTRAS_MOUNTS        16
#define EXTRAS_TMPFS_OPTIONS 6

struct extras_mount {
	char source[256]; /* "": a tmpfs */
	char target[256]; /* absolute, without ".." */
	bool read_only;
	unsigned int attributes;
	char text[128]; /* of the options */
	struct mount_option options[EXTRAS_TMPFS_OPTIONS + 1];
};

struct extras {
	char hostname[65]; /* "": the box's own */
	char user[33];     /* a name or a number; "": as it would be */
	char group[33];    /* "": that of the user */
	bool read_only, init;
	bool unconfined;       /* no filter of system calls */
	const json_t *profile; /* another filter, or NULL; the object's */
	bool caps_changed;
	bool add_all, drop_all;
	uint64_t cap_add, cap_drop;
	size_t n_mounts;
	struct extras_mount mounts[EXTRAS_MOUNTS];
};

/* NULL is an empty object. -EINVAL says what is wrong with which flag. */
int extras_read(const json_t *object, struct extras *ret, struct tare_err *err);

/* The capabilities that are left of the box's own. */
uint64_t extras_capabilities(const struct extras *extras, uint64_t own);
