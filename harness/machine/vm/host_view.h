/* SPDX-License-Identifier: MIT */
#pragma once
/* host_view: what the host's kernel saw of a limited guest during a trial: QEMU's cgroup. */

#include <jansson.h>
#include <stdint.h>

struct cgroup;

struct host_view {
	uint64_t at_ns;
	uint64_t usage_us, nr_periods, nr_throttled, throttled_us;
};

/* Zeroes for what the group does not have. */
void host_view_read(const struct cgroup *cgroup, struct host_view *ret);

/* {"cpu": {"usage_us", "nr_periods", "nr_throttled", "throttled_us", "wall_ns"}}, as the collector
 * `cpu` says it. */
json_t *host_view_difference(const struct host_view *begin, const struct host_view *end);
