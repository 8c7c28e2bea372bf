/* SPDX-License-Identifier: MIT */
#pragma once
/* dev: a /dev with the usual nodes and nothing else. */

#include <sys/types.h>

struct tare_err;
struct box_place;

/* In the parent, with the right to make device nodes: a detached mount of a folder of the cache
 * that has them. Device nodes work in a user namespace only on a filesystem mounted outside of it.
 */
int dev_take(const struct box_place *place, uid_t owner, struct tare_err *err);

/* A new detached devpts. */
int dev_new_devpts(struct tare_err *err);

/* In the new process: put it at `dev` of root, with its own pts and a shm that is a folder of the
 * stage, a tmpfs. fd -1: a new tmpfs on which the host's nodes are bound; devpts_fd: as of struct
 * box_exec. */
int dev_mount(int fd, int devpts_fd, int root, int stage, struct tare_err *err);
