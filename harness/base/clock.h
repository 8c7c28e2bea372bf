/* SPDX-License-Identifier: MIT */
#pragma once
/* clock: the one clock that durations are taken from. */

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Nanoseconds of CLOCK_MONOTONIC. It cannot fail for a clock every kernel has. */
static inline uint64_t clock_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Until a deadline, for poll(2): 0 when it is over, else rounded up; at most a minute, after which
 * the caller looks again. */
static inline int clock_left_ms(uint64_t now_ns, uint64_t deadline_ns)
{
	uint64_t left = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

	if (left > 60 * NS_PER_S)
		left = 60 * NS_PER_S;
	return left ? (int)(left / NS_PER_MS) + 1 : 0;
}
