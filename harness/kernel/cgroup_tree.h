/* SPDX-License-Identifier: MIT */
#pragma once
/* cgroup_tree: a group's directories and those below them: emptied and removed. For cgroup.c
 * and the journal, which knows groups by name only. */

#include <stddef.h>
#include <stdint.h>

#include "kernel/cgroup.h"

#define CGROUP_MAX_MOUNTS (CGROUP_N_CONTROLLERS + 1)

/* The different hierarchies of a layout, version 2 first; gives back how many. */
size_t cgroup_layout_mounts(const struct cgroup_layout *layout,
			    const struct cgroup_hierarchy *ret[CGROUP_MAX_MOUNTS]);

/* Thaw a v1 group and those below it, where the hierarchy has the freezer. To be done in all
 * hierarchies before anybody is killed: a task frozen by v1 does not even die of SIGKILL. */
void cgroup_tree_thaw(int dirfd);

/* SIGKILL all that is in a directory and below, until it is empty or clock_now_ns() has come
 * to end_ns: -ETIMEDOUT. name is for the sentence. */
int cgroup_tree_kill(int dirfd, int version, const char *name, uint64_t end_ns,
		     struct tare_err *err);

/* Remove name of parent_fd and all groups below it; what is busy is tried again until end_ns.
 * -ENOENT, without words: it is not there. */
int cgroup_tree_remove(int parent_fd, const char *name, uint64_t end_ns, struct tare_err *err);

/* Empty a group and remove it from every hierarchy. Gives back in how many it was.
 * -EDEADLK: tare itself is in it. */
int cgroup_remove_named(const struct cgroup_layout *layout, const char *name, int timeout_ms,
			struct tare_err *err);
