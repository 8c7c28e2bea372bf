/* SPDX-License-Identifier: MIT */
#pragma once
/* dev: a /dev with the usual nodes and nothing else. */

#include <sys/types.h>

struct tare_err;

/* In the parent, with the right to make device nodes: a detached tmpfs that has them. Device
 * nodes work in a user namespace only on a filesystem made outside of it. */
int dev_make(uid_t owner, struct tare_err *err);

/* In the new process: put it at `dev` of root, with its own pts and shm. fd -1: a new tmpfs on
 * which the host's nodes are bound. */
int dev_mount(int fd, int root, struct tare_err *err);
