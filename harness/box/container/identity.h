/* SPDX-License-Identifier: MIT */
#pragma once
/* identity: who root inside is outside. */

#include <stdbool.h>
#include <sys/types.h>

struct tare_err;

/* The ids that a container's 0 to 65535 are outside. They lie above what systemd's
 * documentation "Users, Groups, UIDs and GIDs" gives to anybody (1879048191 is the last one). */
#define IDENTITY_BASE  2055077888U
#define IDENTITY_COUNT 65536U

/* In the parent: the whole range for the user namespace of pid. */
int identity_map_range(pid_t pid, struct tare_err *err);

/* In the new process, without privileges outside: only our own ids, as root. */
int identity_map_self(uid_t uid, gid_t gid, struct tare_err *err);

/* In the new process, once mapped: be root inside. */
int identity_become_root(struct tare_err *err);

/* In the parent: let a detached mount show its files as the namespace of pid maps them: outside
 * 0 is inside 0, and new files belong to outside's. -EINVAL and others: not this filesystem. */
int identity_map_mount(int mount_fd, pid_t pid, struct tare_err *err);
