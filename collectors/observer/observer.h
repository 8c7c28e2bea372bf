/* SPDX-License-Identifier: MIT */
#pragma once
/* observer: the pair of BPF programs of the collector `syscalls`, loaded once for all groups
 * that this process watches, and what it has counted in one of them. */

#include <stdbool.h>
#include <stdint.h>

#include "syscalls.h"

struct tare_err;
struct cgroup;

/* What was seen of one call so far, all CPUs together. */
struct observer_row {
	uint64_t enters, exits;
	uint64_t sum_ns, max_ns, errors;
	uint64_t errnos[640]; /* by errno; [0]: those that the kernel side had no room for */
	uint64_t buckets[LOGLIN_BUCKETS];
};

struct observer_view {
	struct observer_row *rows[SYSCALLS_ROWS]; /* NULL: never called */
	struct syscalls_losses losses;
	uint64_t misses;    /* of the programs, in the whole system */
	uint64_t in_flight; /* calls that have begun, but those that never return */
};

/* Load and attach for a moment. A success is remembered. */
int observer_probe(struct tare_err *err);

/* Load and attach, or join those that are; take a slot for the group, of whose calls each is
 * counted and one in `every`, a power of two, is timed. Gives back the slot's number.
 * -ENOTSUP: no v2 directory. -EBUSY: SYSCALLS_TARGETS are watched already. */
int observer_watch(const struct cgroup *cgroup, unsigned int every, struct tare_err *err);
/* Let the slot go; the last one unloads the programs. */
void observer_unwatch(int slot);

/* Copy what was counted for a slot. Free it with observer_view_clear(), also on failure. */
int observer_read(int slot, struct observer_view *ret, struct tare_err *err);
void observer_view_clear(struct observer_view *view);

/* The recorded latency of the cheapest call, getppid, measured by a child that is born into
 * the watched group before its player: the median. Once a process, then
 * remembered. false: it could not be had. */
bool observer_bias(int slot, const struct cgroup *cgroup, double *ret_ns);
