/* SPDX-License-Identifier: MIT */
#pragma once
/* result: what a player tells of itself at its end, for the `load` of its record. */

#include <jansson.h>

#include "base/play.h"

/* "clock_ns", "loop_ns", "user_us", "system_us", "figures", "programs" and "latency". The player is
 * not trusted: what it counts is held to its bounds, what it names is cut off. */
void result_put(const struct play_result *result, json_t *load);
