/* SPDX-License-Identifier: MIT */
#include "machine/vm/host_view.h"

#include "base/clock.h"
#include "base/json.h"
#include "kernel/cgroup.h"

static uint64_t key(int fd, const char *name)
{
	uint64_t value = 0;

	(void)cgfile_read_key(fd, "cpu.stat", name, &value, NULL);
	return value;
}

void host_view_read(const struct cgroup *cgroup, struct host_view *ret)
{
	int version = 0;
	int fd = cgroup_controller_fd(cgroup, CGROUP_CPU, &version);
	int account = cgroup_controller_fd(cgroup, CGROUP_CPUACCT, NULL);
	uint64_t usage_ns;

	*ret = (struct host_view){.at_ns = clock_now_ns()};
	if (fd >= 0) {
		ret->nr_periods = key(fd, "nr_periods");
		ret->nr_throttled = key(fd, "nr_throttled");
		ret->throttled_us = version == 2 ? key(fd, "throttled_usec")
						 : key(fd, "throttled_time") / NS_PER_US;
	}
	/* Version 2 counts CPU time in every group, with a controller or without. */
	if (version != 1 && cgroup_v2_fd(cgroup) >= 0)
		ret->usage_us = key(cgroup_v2_fd(cgroup), "usage_usec");
	else if (account >= 0 && cgfile_read_u64(account, "cpuacct.usage", &usage_ns, NULL) == 0)
		ret->usage_us = usage_ns / NS_PER_US;
}

json_t *host_view_difference(const struct host_view *begin, const struct host_view *end)
{
	json_t *cpu =
		json_pack("{so so so so so}", "usage_us", json_u64(end->usage_us - begin->usage_us),
			  "nr_periods", json_u64(end->nr_periods - begin->nr_periods),
			  "nr_throttled", json_u64(end->nr_throttled - begin->nr_throttled),
			  "throttled_us", json_u64(end->throttled_us - begin->throttled_us),
			  "wall_ns", json_u64(end->at_ns - begin->at_ns));

	return json_pack("{so*}", "cpu", cpu);
}
