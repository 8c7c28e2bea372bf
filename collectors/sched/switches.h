/* SPDX-License-Identifier: MIT */
#pragma once
/* switches: the BPF programs of the collector `sched`, loaded once for all groups that this process
 * watches, and what they have seen of one of them. */

#include <stdint.h>

#include "sched/cells.h"

struct tare_err;
struct cgroup;

struct switches_view {
	struct sched_cell sum; /* of all CPUs; max_ns is the largest */
	uint64_t misses;       /* of the programs, in the whole system */
};

/* Load and attach for a moment. A success is remembered. */
int switches_probe(struct tare_err *err);
/* Load and attach, or join those that are; take a slot for the group. Gives back its number.
 * -ENOTSUP: no v2 directory. -EBUSY: SCHED_TARGETS are watched already. */
int switches_watch(const struct cgroup *cgroup, struct tare_err *err);
void switches_unwatch(int slot);
int switches_read(int slot, struct switches_view *ret, struct tare_err *err);
