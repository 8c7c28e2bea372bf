/* SPDX-License-Identifier: MIT */
#pragma once
/* times: a histogram of durations as BPF programs keep it. */

#include <linux/types.h>

#include "base/loglin.h"

struct times {
	__u64 n, sum_ns, max_ns;
	__u64 buckets[LOGLIN_BUCKETS];
};
