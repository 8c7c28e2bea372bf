/* SPDX-License-Identifier: MIT */
#pragma once
/* times: add to a histogram of durations that nobody else adds to meanwhile. */

#include <common/times.h>

#include <bpf/bpf_helpers.h>

static __always_inline void times_add(struct times *times, __u64 ns)
{
	__u64 bucket = loglin_bucket(ns);

	times->n += 1;
	times->sum_ns += ns;
	if (ns > times->max_ns)
		times->max_ns = ns;
	/* Again, in 64 bits, for the verifier of 6.1. */
	barrier_var(bucket);
	if (bucket >= LOGLIN_BUCKETS)
		bucket = LOGLIN_BUCKETS - 1;
	times->buckets[bucket] += 1;
}
