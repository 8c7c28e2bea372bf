/* SPDX-License-Identifier: MIT */
#pragma once
/* stalls: how long a group's tasks were held up for memory, and who died of its lack, by BPF
 * programs. */

#include "common/times.h"

#define STALLS_VICTIMS 16

enum stall_kind {
	STALL_GROUP_RECLAIM,  /* a limit was met: pages of the group are looked for */
	STALL_DIRECT_RECLAIM, /* the machine was out of free pages */
	STALL_HIGH,           /* held back after memory.high was exceeded */
	STALL_KINDS,
};

/* What one CPU has seen. */
struct stalls_cell {
	struct times times[STALL_KINDS];
	__u64 reclaimed; /* pages, by the first two kinds */
	__u64 begun[STALL_KINDS];
	__u64 create_failed; /* no room for when one began */
};

struct stalls_victim {
	__u64 t_ns; /* CLOCK_MONOTONIC */
	__u32 pid;  /* of the process; as the first namespace has it */
	char comm[16];
};

#ifndef __bpf__
#include "common/trace.h"

extern const struct trace_ops stalls_trace;
#endif
