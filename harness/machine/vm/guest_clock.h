/* SPDX-License-Identifier: MIT */
#pragma once
/* guest_clock: a guest's monotonic clock against ours at both ends of a trial. */

#include <jansson.h>
#include <stdint.h>

struct channel_clock;

/* A clock that strays further in a trial has lost its rate, and the trial is void. */
#define GUEST_CLOCK_DRIFT_PPM 100

/* {"clock": {"offset_ns", "drift_ppm", "rtt_ns"}, "disturbed": [why], "void": why or absent}. What
 * the way there and back of the two pings leaves open is never held against it. */
json_t *guest_clock_judge(const struct channel_clock *begin, const struct channel_clock *end);

/* A moment of the guest's on our clock, give or take half of rtt_ns. */
uint64_t guest_clock_to_host(const struct channel_clock *clock, uint64_t guest_ns);
