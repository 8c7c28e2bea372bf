/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* sched: why and for how long tasks of watched cgroups were off their CPUs, and how long they
 * waited for one: at each switch from one task to another. Waking up is not traced, which happens
 * as often: the kernel itself keeps when a task became runnable. */

#include <bpf/kernel_types.h>
#include <bpf/target.h>
#include <bpf/times.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

#include "sched/cells.h"

/* When and why a task left its CPU. */
struct out {
	__u64 ts;
	__u64 waited_ns; /* for a CPU, up to then */
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

/* Of the task's group on this CPU; NULL: nobody watches it. */
static __always_inline struct sched_cell *cell_of(const struct task_struct *task)
{
	__u32 target = (__u32)target_number(task, targets, n_targets, SCHED_TARGETS);

	return target < SCHED_TARGETS ? bpf_map_lookup_elem(&cells, &target) : NULL;
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

static __always_inline void end_off(struct sched_cell *cell, struct out *out, __u64 now)
{
	__u64 cause = out->cause;

	out->on = 0;
	barrier_var(cause);
	if (cause < SCHED_CAUSES && now > out->ts)
		times_add(&cell->off[cause], now - out->ts);
}

/* Not each switch is traced: on some virtual machines none is that leads away from the tasks of
 * their own service. Who came by such a one is seen when it leaves again, and the kernel has kept
 * when it came. */
static __always_inline void come_unseen(struct sched_cell *cell, struct out *out,
					const struct task_struct *task, __u64 now)
{
	__u64 clock = task->se.cfs_rq->rq->clock, arrived = task->sched_info.last_arrival;

	times_add(&cell->queue, task->sched_info.run_delay - out->waited_ns);
	end_off(cell, out, clock > arrived ? now - (clock - arrived) : now);
}

static __always_inline void leave(struct task_struct *task, bool runnable, __u64 now)
{
	struct sched_cell *cell = cell_of(task);
	struct out *out;

	if (!cell)
		return;
	cell->switches += 1;
	out = bpf_task_storage_get(&outs, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!out) {
		cell->create_failed += 1;
		return;
	}
	if (out->on)
		come_unseen(cell, out, task, now);
	out->ts = now;
	out->waited_ns = task->sched_info.run_delay;
	out->cause = cause_of(task, runnable);
	out->on = 1;
}

static __always_inline void come(struct task_struct *task, __u64 now)
{
	__u64 queued = task->sched_info.last_queued, clock = task->se.cfs_rq->rq->clock;
	struct sched_cell *cell = cell_of(task);
	struct out *out;
	__u64 before;

	if (!cell)
		return;
	out = bpf_task_storage_get(&outs, task, NULL, 0);
	/* Who is moved while it waits begins to wait anew, as far as last_queued knows. */
	before = out && out->on ? task->sched_info.run_delay - out->waited_ns : 0;
	if (queued && clock >= queued)
		times_add(&cell->queue, clock - queued + before);
	if (out && out->on)
		end_off(cell, out, now);
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
	struct sched_cell *cell = cell_of(task);

	if (cell)
		cell->migrations += 1;
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
