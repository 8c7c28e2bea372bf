/* SPDX-License-Identifier: MIT */
#pragma once
/* sched: what the BPF programs of this collector and its reader share. */

#include <linux/types.h>

#include "common/times.h"

#define SCHED_TARGETS 16 /* groups watched at a time */

/* Why a task is off its CPU, by what it was when it left. */
enum sched_cause {
	SCHED_THROTTLED, /* its group had used up its quota; until it runs again */
	SCHED_MEMSTALL,  /* it waits for memory, as PSI counts it */
	SCHED_IOWAIT,    /* it waits for a disk */
	SCHED_PREEMPTED, /* it could have gone on */
	SCHED_SLEEP,     /* it waits for anything else */
	SCHED_CAUSES,
};

/* What one CPU has seen of one group. */
struct sched_cell {
	struct times off[SCHED_CAUSES];
	struct times queue; /* from becoming runnable to running */
	__u64 switches;     /* away from a task of the group */
	__u64 migrations;
	__u64 create_failed; /* no room for when a task left: its time off the CPU is not counted */
};
