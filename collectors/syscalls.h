/* SPDX-License-Identifier: MIT */
#pragma once
/* syscalls: what the BPF programs of this collector and its reader share.
 *
 * One pair of programs serves all groups that a process watches at a time: a second pair would
 * run between the clocks of the first, and latencies would depend on how many are watched. */

#include <linux/types.h>

#include "base/loglin.h"

#define SYSCALLS_TARGETS 16  /* groups watched at a time */
#define SYSCALLS_NUMBERS 512 /* the 64-bit table ends below; what is above is "other" */
#define SYSCALLS_OTHER   512
#define SYSCALLS_COMPAT  513 /* calls by the 32-bit table, whose numbers mean other calls */
#define SYSCALLS_ROWS    514
#define SYSCALLS_CELLS   1024 /* rows in use by all groups together, at most */
#define SYSCALLS_ERRNOS  8    /* different errors told apart, for each call and CPU */

/* What one CPU has seen of one call in one group; written by the exit program alone. */
struct syscalls_cell {
	__u64 sum_ns;
	__u64 max_ns;
	__u64 errors;
	struct {
		__u64 code; /* positive errno; 0: free */
		__u64 count;
	} errnos[SYSCALLS_ERRNOS];
	__u64 buckets[LOGLIN_BUCKETS];
};

/* Of one group; they are rare, so they are shared by the CPUs and added to atomically. */
struct syscalls_losses {
	__u64 create_failed;      /* no room for a start: the call is counted, its latency is not */
	__u64 exit_without_enter; /* a return of a call whose start was not seen */
	__u64 no_cell;            /* SYSCALLS_CELLS are used up: the call is not counted at all */
};
