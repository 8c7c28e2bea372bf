/* SPDX-License-Identifier: MIT */
#pragma once
/* pool: containers made beforehand, up to execve: a launch out of it only runs the program.
 *
 * Everything is pooled: namespaces, mounts, rights, filter, and the cgroups, which are used again
 * by the next container of their place: their counters go on, and are taken as differences. A v2
 * group that was killed is never used again (see cgroup_kill). A container is used once.
 *
 * Filling is not for a measured path, nor for beside one. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "box/box.h"

struct tare_err;
struct cgroup_layout;
struct box_pool;
struct box_pooled;

#define BOX_POOL_MAX 16

struct box_pool_config {
	const struct box_ops *ops;
	struct box_config box;              /* name: of which each container's is made */
	const struct cgroup_layout *layout; /* NULL: no groups */
	unsigned int controllers;
	size_t size;
};

/* -ENOTSUP: this box cannot be made beforehand. What it points to must outlive it. */
int box_pool_open(const struct box_pool_config *config, struct box_pool **ret,
		  struct tare_err *err);

/* Make up for what was used. */
int box_pool_fill(struct box_pool *pool, struct tare_err *err);

/* Run the program in one of them. -EAGAIN: none is left. Of exec, as_user and cgroup say nothing
 * here. Errors as of box_ops.start. The process is the caller's to wait for. */
int box_pool_start(struct box_pool *pool, const struct box_exec *exec, struct box_process *ret,
		   struct box_pooled **ret_used, struct tare_err *err);

/* Its cgroups, with what is in them from before. */
const struct cgroup *box_pooled_cgroup(const struct box_pooled *used);
/* CPU time in its cgroups since the program was started in them. -ENOENT: no such controller. */
int box_pooled_cpu_ns(const struct box_pooled *used, uint64_t *ret, struct tare_err *err);

/* Give it back, its processes being gone: the next fill makes another. */
void box_pool_give_back(struct box_pooled *used);

/* For the record: {"size": 4, "pooled": ["namespaces", "mounts", ...], "counters":
 * "differences"}. */
json_t *box_pool_describe(const struct box_pool *pool);

/* Nothing of it is left afterwards. NULL is fine. */
int box_pool_close(struct box_pool *pool, struct tare_err *err);
