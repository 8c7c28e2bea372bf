/* SPDX-License-Identifier: MIT */
#pragma once
/* stop: when rounds may end because the interval is narrow enough.
 *
 * Who looks at the interval after each round, and stops as soon as it is narrow, stops where the
 * rounds happen to agree with each other, and the interval then covers less often than it says.
 * So it is looked at seldom, and the first time late: after STOP_FIRST figures (of rounds, or of
 * instances where these have several), and then whenever there are half as many more. What that
 * leaves of the 95 % is simulated with this machine's noise by `scripts/bench coverage`, and
 * with other noise by tests/unit/test_coverage.c. */

#include <stdbool.h>
#include <stddef.h>

#include "stats/location.h"

#define STOP_FIRST 10

/* The first look at n figures or more. */
size_t stop_look(size_t n);
/* It is looked at n figures. */
bool stop_is_look(size_t n);
/* Nowhere further than half from the estimate. */
bool stop_is_narrow(const struct location *location, double half);
