/* SPDX-License-Identifier: MIT */
#pragma once
/* furnish: what a user asked of the container for one command: volumes, tmpfs, read-only root, a
 * user by name. The hooks of the child allocate nothing. */

#include <sys/types.h>

#include "box/common/extras.h"

struct tare_err;

struct furnish {
	const struct extras *extras;
	int volume_fds[EXTRAS_MOUNTS]; /* detached copies of the sources; -1: a tmpfs */
};

/* In the parent: take copies of the sources. */
int furnish_open(const struct extras *extras, struct furnish *ret, struct tare_err *err);
/* Zeroed is fine. */
void furnish_close(struct furnish *furnish);

/* In the parent: let the volumes' files belong inside to whom they belong outside, where their
 * filesystem can do it. */
void furnish_map(const struct furnish *furnish, pid_t pid);

/* In the child, in its new root: put everything in place. */
int furnish_place(const struct furnish *furnish, struct tare_err *err);

#define FURNISH_GROUPS_MAX 32

struct furnish_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[FURNISH_GROUPS_MAX]; /* beside gid: none where a group is asked for */
	size_t n_groups;
};

/* In the child, in its new root: the numbers of the user, by its /etc/passwd and /etc/group. */
int furnish_find_user(const struct extras *extras, struct furnish_user *ret, struct tare_err *err);
