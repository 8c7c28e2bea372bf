/* SPDX-License-Identifier: MIT */
#pragma once
/* blocks: how long a group's requests were served by each disk, and held back before, by BPF
 * programs. */

#include "common/times.h"

#define BLOCKS_DEVICES 8

enum blocks_direction { BLOCKS_READ, BLOCKS_WRITE, BLOCKS_OTHER, BLOCKS_DIRECTIONS };

/* One disk's limits at work on the group. */
struct blocks_held {
	__u64 queue, group; /* addresses of the kernel's throtl_service_queue and throtl_grp */
	__u64 since_ns;     /* something is held back since then; 0: nothing is */
	__u64 sum_ns, n;    /* of such times that have ended */
};

#define BLOCKS_SERVICES (BLOCKS_DEVICES * BLOCKS_DIRECTIONS)

/* What one CPU has seen, but for how long each disk served. */
struct blocks_cell {
	struct times request_wait;
	struct times dirty_pauses;
	__u64 begun, ended; /* requests */
	__u64 create_failed;
	__u64 devices; /* requests to disks above BLOCKS_DEVICES */
};

#ifndef __bpf__
#include "common/trace.h"

extern const struct trace_ops blocks_trace;

/* For how long something was held back since the first snapshot, all disks together, in us. */
__u64 blocks_held_us(const void *trace);
#endif
