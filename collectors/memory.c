/* SPDX-License-Identifier: MIT */
/* memory: use, peak, events and pressure of memory, from the kernel's own accounts; named, also how
 * long tasks were held up for it, and who was killed. */

#include "common/meter.h"
#include "memory/stalls.h"

#define EVENT(name)                                                                                \
	{                                                                                          \
		"events", name, CGROUP_MEMORY, 2, "memory.events", name, 0, METER_COUNTER, false   \
	}
#define LEVEL(name, version, key)                                                                  \
	{                                                                                          \
		"stat", name, CGROUP_MEMORY, version, "memory.stat", key, 0, METER_LEVEL, false    \
	}
#define COUNT(name, version, key)                                                                  \
	{                                                                                          \
		"stat", name, CGROUP_MEMORY, version, "memory.stat", key, 0, METER_COUNTER, false  \
	}

/* The names are those of v2 (Documentation/admin-guide/cgroup-v2.rst); v1's rss is anon. Its
 * failcnt is near to max but is not called so: where RAM + swap has the same limit, that one is
 * hit first, and newer kernels (6.18) count no failures of it at all. */
static const struct meter_field fields[] = {
	{NULL, "current", CGROUP_MEMORY, 2, "memory.current", NULL, 0, METER_LEVEL, true},
	{NULL, "current", CGROUP_MEMORY, 1, "memory.usage_in_bytes", NULL, 0, METER_LEVEL, true},
	{NULL, "peak", CGROUP_MEMORY, 2, "memory.peak", NULL, 0, METER_LEVEL, false},
	{NULL, "peak", CGROUP_MEMORY, 1, "memory.max_usage_in_bytes", NULL, 0, METER_LEVEL, false},
	{NULL, "swap", CGROUP_MEMORY, 2, "memory.swap.current", NULL, 0, METER_LEVEL, false},
	EVENT("low"),
	EVENT("high"),
	EVENT("max"),
	{"events", "failcnt", CGROUP_MEMORY, 1, "memory.failcnt", NULL, 0, METER_COUNTER, false},
	{"events", "memsw_failcnt", CGROUP_MEMORY, 1, "memory.memsw.failcnt", NULL, 0,
	 METER_COUNTER, false},
	EVENT("oom"),
	EVENT("oom_kill"),
	{"events", "oom_kill", CGROUP_MEMORY, 1, "memory.oom_control", "oom_kill", 0, METER_COUNTER,
	 false},
	LEVEL("anon", 2, "anon"),
	LEVEL("anon", 1, "rss"),
	LEVEL("file", 2, "file"),
	LEVEL("file", 1, "cache"),
	LEVEL("file_dirty", 2, "file_dirty"),
	LEVEL("file_dirty", 1, "dirty"),
	LEVEL("shmem", 2, "shmem"),
	LEVEL("shmem", 1, "shmem"),
	LEVEL("kernel_stack", 2, "kernel_stack"),
	LEVEL("pagetables", 2, "pagetables"),
	LEVEL("slab", 2, "slab"),
	LEVEL("kernel", 2, "kernel"),
	{"stat", "kernel", CGROUP_MEMORY, 1, "memory.kmem.usage_in_bytes", NULL, 0, METER_LEVEL,
	 false},
	COUNT("pgfault", 2, "pgfault"),
	COUNT("pgfault", 1, "pgfault"),
	COUNT("pgmajfault", 2, "pgmajfault"),
	COUNT("pgmajfault", 1, "pgmajfault"),
	COUNT("pgscan", 2, "pgscan"),
	COUNT("pgsteal", 2, "pgsteal"),
	COUNT("workingset_refault_anon", 2, "workingset_refault_anon"),
	COUNT("workingset_refault_file", 2, "workingset_refault_file"),
	{"pressure", "some_us", METER_UNIFIED, 2, "memory.pressure", "some total", 0, METER_COUNTER,
	 true},
	{"pressure", "full_us", METER_UNIFIED, 2, "memory.pressure", "full total", 0, METER_COUNTER,
	 false},
	{0},
};

extern const struct collector_ops collector_ops_memory;

static int memory_attach(const struct collector_target *target, struct collector **ret,
			 struct tare_err *err)
{
	return meter_attach(&collector_ops_memory, fields, &stalls_trace, target, ret, err);
}

static int memory_missing(json_t *figures, struct tare_err *err)
{
	return trace_missing(&stalls_trace, figures, err);
}

const struct collector_ops collector_ops_memory = {
	.name = "memory",
	.summary = "memory in use, peak, events, pressure, from cgroup files; named: stalls, OOM "
		   "victims",
	.controllers = CGROUP_BIT(CGROUP_MEMORY),
	.probe = meter_probe,
	.missing = memory_missing,
	.attach = memory_attach,
	.snapshot = meter_snapshot,
	.sample = meter_sample,
	.read = meter_read,
	.detach = meter_detach,
};
