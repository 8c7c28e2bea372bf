/* SPDX-License-Identifier: MIT */
#pragma once
/* kernel_age: how long the kernel had been running at a moment, by the clock of its own log. That
 * one counts from the kernel's entry on (setup_arch), while CLOCK_MONOTONIC stands still until
 * timer interrupts come. */

#include <stdint.h>

/* at_ns: of clock_now_ns(). 0: its log cannot be had. */
uint64_t kernel_age_at_ns(uint64_t at_ns);
