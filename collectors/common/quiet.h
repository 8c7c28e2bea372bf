/* SPDX-License-Identifier: MIT */
#pragma once
/* quiet: wait until nobody in a cgroup is about to run. */

#include <stdbool.h>

struct cgroup;

/* A player's answer arrives before it is back in its blocking read: a snapshot taken in
 * between would count a call more or less. Wait, at most timeout_ms, until all threads of the
 * group sleep, or there are none. False: somebody still runs, or the group has no v2 folder. */
bool quiet_wait(const struct cgroup *cgroup, int timeout_ms);
