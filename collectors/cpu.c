/* SPDX-License-Identifier: MIT */
/* cpu: CPU time, throttling and pressure, from the kernel's own accounts; named, also the account
 * of the quota at the end of each of its periods. */

#include "common/meter.h"
#include "cpu/periods.h"

/* Documentation/admin-guide/cgroup-v2.rst: every group has usage in cpu.stat, with the
 * controller or without; nr_* come with it. v1 counts throttled_time and burst_time in
 * nanoseconds. */
static const struct meter_field fields[] = {
	{NULL, "usage_us", METER_UNIFIED, 2, "cpu.stat", "usage_usec", 0, METER_COUNTER, true},
	{NULL, "usage_us", CGROUP_CPUACCT, 1, "cpuacct.usage", NULL, 1000, METER_COUNTER, true},
	{NULL, "user_us", METER_UNIFIED, 2, "cpu.stat", "user_usec", 0, METER_COUNTER, false},
	{NULL, "user_us", CGROUP_CPUACCT, 1, "cpuacct.usage_user", NULL, 1000, METER_COUNTER,
	 false},
	{NULL, "system_us", METER_UNIFIED, 2, "cpu.stat", "system_usec", 0, METER_COUNTER, false},
	{NULL, "system_us", CGROUP_CPUACCT, 1, "cpuacct.usage_sys", NULL, 1000, METER_COUNTER,
	 false},
	{NULL, "nr_periods", CGROUP_CPU, 2, "cpu.stat", "nr_periods", 0, METER_COUNTER, false},
	{NULL, "nr_periods", CGROUP_CPU, 1, "cpu.stat", "nr_periods", 0, METER_COUNTER, false},
	{NULL, "nr_throttled", CGROUP_CPU, 2, "cpu.stat", "nr_throttled", 0, METER_COUNTER, true},
	{NULL, "nr_throttled", CGROUP_CPU, 1, "cpu.stat", "nr_throttled", 0, METER_COUNTER, true},
	{NULL, "throttled_us", CGROUP_CPU, 2, "cpu.stat", "throttled_usec", 0, METER_COUNTER, true},
	{NULL, "throttled_us", CGROUP_CPU, 1, "cpu.stat", "throttled_time", 1000, METER_COUNTER,
	 true},
	{NULL, "nr_bursts", CGROUP_CPU, 2, "cpu.stat", "nr_bursts", 0, METER_COUNTER, false},
	{NULL, "nr_bursts", CGROUP_CPU, 1, "cpu.stat", "nr_bursts", 0, METER_COUNTER, false},
	{NULL, "burst_us", CGROUP_CPU, 2, "cpu.stat", "burst_usec", 0, METER_COUNTER, false},
	{NULL, "burst_us", CGROUP_CPU, 1, "cpu.stat", "burst_time", 1000, METER_COUNTER, false},
	{NULL, "wall_ns", METER_UNIFIED, 2, NULL, NULL, 0, METER_WALL, false},
	{"pressure", "some_us", METER_UNIFIED, 2, "cpu.pressure", "some total", 0, METER_COUNTER,
	 false},
	{"pressure", "full_us", METER_UNIFIED, 2, "cpu.pressure", "full total", 0, METER_COUNTER,
	 false},
	{0},
};

extern const struct collector_ops collector_ops_cpu;

static int cpu_attach(const struct collector_target *target, struct collector **ret,
		      struct tare_err *err)
{
	return meter_attach(&collector_ops_cpu, fields, &periods_trace, target, ret, err);
}

static int cpu_missing(json_t *figures, struct tare_err *err)
{
	return trace_missing(&periods_trace, figures, err);
}

const struct collector_ops collector_ops_cpu = {
	.name = "cpu",
	.summary = "CPU time, throttling, bursts, pressure, from cgroup files; named: each period",
	.controllers = CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT),
	.probe = meter_probe,
	.missing = cpu_missing,
	.attach = cpu_attach,
	.snapshot = meter_snapshot,
	.sample = meter_sample,
	.read = meter_read,
	.detach = meter_detach,
};
