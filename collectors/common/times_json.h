/* SPDX-License-Identifier: MIT */
#pragma once
/* times_json: histograms that BPF programs have kept, for their readers. */

#include <jansson.h>

#include "common/times.h"

/* Add up; max_ns is the larger one. */
void times_join(struct times *sum, const struct times *times);
/* {"n", "sum_ns", "max_ns", "buckets"} of what came between two looks at the same histogram. */
json_t *times_to_json(const struct times *begin, const struct times *end);
