/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* residency: how long tasks of a group were on each CPU, as the scheduler switched them. */

#include <bpf/kernel_types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "common/residency.h"

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} group SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct residency_cpu);
} cpus SEC(".maps");

/* The one that leaves the CPU is still current, and came when the last one left. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch)
{
	__u64 now = bpf_ktime_get_ns();
	struct residency_cpu *cpu;
	__u32 zero = 0;

	cpu = bpf_map_lookup_elem(&cpus, &zero);
	if (!cpu)
		return 0;
	if (cpu->since_ns && bpf_current_task_under_cgroup(&group, 0) == 1) {
		cpu->on_ns += now - cpu->since_ns;
		cpu->switches++;
	}
	cpu->since_ns = now;
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
