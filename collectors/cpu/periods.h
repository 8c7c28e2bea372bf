/* SPDX-License-Identifier: MIT */
#pragma once
/* periods: each period of a group's CPU quota, as its timer counted it, by a BPF program. */

#include <linux/types.h>

/* In bytes: over 5000 periods between two looks, 9 minutes of 100 ms each. */
#define PERIODS_RING (256 * 1024)

/* The counters of the group as of the end of a period. */
struct cpu_period {
	__u64 t_ns; /* CLOCK_MONOTONIC */
	__u64 nr_periods, nr_throttled;
	/* Counted when a throttled CPU goes on: for others than the timer's own that is just after
	 * the timer, and so in the account of the next period. */
	__u64 throttled_ns;
	__u64 burst_ns;
};

#ifndef __bpf__
#include "common/trace.h"

extern const struct trace_ops periods_trace;
#endif
