/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* sched: why and for how long tasks of watched cgroups were off their CPUs, and how long they
 * waited for one: at each switch from one task to another. Waking up is not traced, which happens
 * as often: the kernel itself keeps when a task became runnable. */

#include <bpf/sched_types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "sched/cells.h"

/* When and why a task left its CPU. */
struct out {
	__u64 ts;
	__u32 cause;
	__u32 on;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct out);
} outs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCHED_TARGETS);
	__type(key, __u32);
	__type(value, struct sched_cell);
} cells SEC(".maps");

/* Written by the reader. */
__u64 targets[SCHED_TARGETS]; /* ids of v2 groups; 0: free */
__u32 n_targets;              /* none is used from here on */

/* The number of the target that the task is in; SCHED_TARGETS: none. */
static __always_inline __u32 target_of(const struct task_struct *task)
{
	__u64 id = task->cgroups->dfl_cgrp->kn->id;
	__u32 n = n_targets;

	for (__u32 i = 0; i < SCHED_TARGETS; i++) {
		if (i >= n)
			break;
		if (targets[i] == id)
			return i;
	}
	return SCHED_TARGETS;
}

static __always_inline void add(struct sched_times *times, __u64 ns)
{
	__u64 bucket = loglin_bucket(ns);

	times->n += 1;
	times->sum_ns += ns;
	if (ns > times->max_ns)
		times->max_ns = ns;
	/* Again, in 64 bits, for the verifier of 6.1. */
	barrier_var(bucket);
	if (bucket >= LOGLIN_BUCKETS)
		bucket = LOGLIN_BUCKETS - 1;
	times->buckets[bucket] += 1;
}

static __always_inline bool is_throttled(const struct task_struct *task)
{
	const struct task_struct___throttled *newer = (const void *)task;

	if (bpf_core_field_exists(newer->throttled))
		return newer->throttled;
	return task->se.cfs_rq->throttle_count > 0;
}

static __always_inline __u32 cause_of(const struct task_struct *task, bool runnable)
{
	if (runnable)
		return is_throttled(task) ? SCHED_THROTTLED : SCHED_PREEMPTED;
	if (BPF_CORE_READ_BITFIELD(task, in_memstall))
		return SCHED_MEMSTALL;
	return BPF_CORE_READ_BITFIELD(task, in_iowait) ? SCHED_IOWAIT : SCHED_SLEEP;
}

static __always_inline void leave(struct task_struct *task, bool runnable, __u64 now)
{
	__u32 target = target_of(task);
	struct sched_cell *cell;
	struct out *out;

	if (target >= SCHED_TARGETS)
		return;
	cell = bpf_map_lookup_elem(&cells, &target);
	if (!cell)
		return;
	cell->switches += 1;
	out = bpf_task_storage_get(&outs, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!out) {
		cell->create_failed += 1;
		return;
	}
	out->ts = now;
	out->cause = cause_of(task, runnable);
	out->on = 1;
}

static __always_inline void come(struct task_struct *task, __u64 now)
{
	__u64 queued = task->sched_info.last_queued, clock = task->se.cfs_rq->rq->clock, cause;
	__u32 target = target_of(task);
	struct sched_cell *cell;
	struct out *out;

	if (target >= SCHED_TARGETS)
		return;
	cell = bpf_map_lookup_elem(&cells, &target);
	if (!cell)
		return;
	if (queued && clock >= queued)
		add(&cell->queue, clock - queued);
	out = bpf_task_storage_get(&outs, task, NULL, 0);
	if (!out || !out->on)
		return;
	out->on = 0;
	cause = out->cause;
	barrier_var(cause);
	if (cause < SCHED_CAUSES && now > out->ts)
		add(&cell->off[cause], now - out->ts);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int state)
{
	__u64 now = bpf_ktime_get_ns();

	leave(prev, preempt || state == 0, now);
	come(next, now);
	return 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct *task)
{
	__u32 target = target_of(task);
	struct sched_cell *cell;

	if (target >= SCHED_TARGETS)
		return 0;
	cell = bpf_map_lookup_elem(&cells, &target);
	if (cell)
		cell->migrations += 1;
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
