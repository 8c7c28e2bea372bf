/* SPDX-License-Identifier: MIT */
#pragma once
/* syscalls: what the BPF programs of this collector and its reader share.
 *
 * One pair of programs serves all groups that a process watches at a time: a second pair would
 * run between the clocks of the first, and latencies would depend on how many are watched. */

#include <linux/types.h>

#include "base/loglin.h"

#define SYSCALLS_TARGETS     16  /* groups watched at a time */
#define SYSCALLS_NUMBERS     512 /* the 64-bit table ends below; what is above is "other" */
#define SYSCALLS_OTHER       512
#define SYSCALLS_COMPAT      513 /* calls by the 32-bit table, whose numbers mean other calls */
#define SYSCALLS_ROWS        514
#define SYSCALLS_CELLS       1024 /* rows in use by all groups together, at most */
#define SYSCALLS_ERRNOS      8    /* different errors told apart, for each call and CPU */
#define SYSCALLS_SHORT       4096 /* ns; their buckets are below 256 */
#define SYSCALLS_STARTS      8192 /* places of calls that have begun; a power of two */
/* A kernel stack has 16 KiB, and with the guard page between two of them none begins less than
 * 32 KiB behind another one (arch/x86/include/asm/page_64_types.h, kernel/fork.c). */
#define SYSCALLS_STACK_SHIFT 15

enum syscalls_state { SYSCALLS_IDLE, SYSCALLS_TIMED, SYSCALLS_UNTIMED };

/* A task's call that has begun. */
struct syscalls_start {
	__u64 regs; /* whose it is: where the task's registers are saved; 0: nobody's */
	__u64 ts;
	__u32 cell;
	__u16 row;
	__u8 target;
	__u8 state; /* enum syscalls_state */
};

/* What one CPU has seen begin of one call in one group. */
struct syscalls_enters {
	__u64 n;
	__u64 random; /* state of the draws; 0: not begun */
};

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
