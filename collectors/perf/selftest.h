/* SPDX-License-Identifier: MIT */
#pragma once
/* selftest: events that open, are switched on, and never count.
 *
 * The rule is simple. The calling thread does a work of known amount (it uses the CPU, touches
 * new pages from user mode and by read(2), sleeps) under the event. Of the events that this work
 * must move (clocks, page faults, context switches, cycles, instructions, branches) one that
 * shows 0 is suspect. So is every other event of the processor's counters while instructions
 * show 0 there. What cannot be said of the rest is not said. */

#include <stddef.h>
#include <stdint.h>

#include "perf/encode.h"

/* Why the event is suspect, or "". work: what must move it, selftest_work() but for tests. Gives
 * back buf. */
const char *selftest_event(const struct encoded_event *event, void (*work)(void), char *buf,
			   size_t size);
void selftest_work(void);

/* The same of what a trial gave: true when the event must have counted, since tasks ran under it
 * for so long, and shows 0. */
#define SELFTEST_RAN_NS 10000
bool selftest_must_count(const struct encoded_event *event, uint64_t running_ns);
