/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* memory: how long tasks of a group were held up in reclaim and by memory.high, and which of them
 * were killed for lack of memory. */

#include <bpf/kernel_types.h>
#include <bpf/times.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

#include "memory/stalls.h"

/* include/linux/sched.h: TASK_WAKEKILL | TASK_UNINTERRUPTIBLE. */
#define TASK_KILLABLE 0x102
#define SIGKILL       9
#define SEND_SIG_PRIV 1 /* as a siginfo's address: the kernel itself kills */

const volatile __u64 group; /* id of the v2 group */

struct stalls_victim victims[STALLS_VICTIMS];
__u64 n_victims; /* those above STALLS_VICTIMS too */

struct start {
	__u64 ts;
	__u64 kind;
	bool on;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stalls_cell);
} cells SEC(".maps");

/* Who was sent a SIGKILL last on this CPU, by address and by number. */
struct killed {
	__u64 task, pid, ts;
	volatile __u64 victim; /* who is marked: what is read from here is a number */
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct killed);
} last_killed SEC(".maps");

static __always_inline bool is_ours(const struct task_struct *task)
{
	return task->cgroups->dfl_cgrp->kn->id == group;
}

static __always_inline struct stalls_cell *cell(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cells, &zero);
}

static __always_inline void begin(struct task_struct *task, enum stall_kind kind)
{
	struct stalls_cell *c = cell();
	struct start *start;

	if (!c || !is_ours(task))
		return;
	start = bpf_task_storage_get(&starts, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!start) {
		c->create_failed += 1;
		return;
	}
	c->begun[kind] += 1;
	start->kind = kind;
	start->on = true;
	start->ts = bpf_ktime_get_ns();
}

/* The task's start, when it is of that kind. */
static __always_inline void end(struct task_struct *task, enum stall_kind kind, __u64 reclaimed)
{
	__u64 now = bpf_ktime_get_ns();
	struct start *start = bpf_task_storage_get(&starts, task, NULL, 0);
	struct stalls_cell *c = cell();

	if (!c || !start || !start->on || start->kind != kind)
		return;
	start->on = false;
	times_add(&c->times[kind], now - start->ts);
	c->reclaimed += reclaimed;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(on_group_begin)
{
	begin(bpf_get_current_task_btf(), STALL_GROUP_RECLAIM);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(on_group_end, unsigned long reclaimed)
{
	end(bpf_get_current_task_btf(), STALL_GROUP_RECLAIM, reclaimed);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(on_direct_begin)
{
	begin(bpf_get_current_task_btf(), STALL_DIRECT_RECLAIM);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(on_direct_end, unsigned long reclaimed)
{
	end(bpf_get_current_task_btf(), STALL_DIRECT_RECLAIM, reclaimed);
	return 0;
}

static __always_inline bool is_stalled(const struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, in_memstall) &&
	       !BPF_CORE_READ_BITFIELD(task, in_iowait);
}

/* memory.high has no tracepoint: who has exceeded it waits on the way to user space, and is the
 * only one to wait for memory in a sleep that a kill ends and that no disk is part of. The
 * function's name has changed, and cannot be traced on a locked-down kernel. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int state)
{
	if (state == TASK_KILLABLE && !preempt && is_stalled(prev))
		begin(prev, STALL_HIGH);
	if (is_stalled(next))
		end(next, STALL_HIGH, 0);
	return 0;
}

/* The killer first sends the signal, and then marks its victim, of which older kernels only give
 * the number. */
SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, void *info, struct task_struct *task)
{
	__u32 zero = 0;
	struct killed *killed;

	if (sig != SIGKILL || (__u64)info != SEND_SIG_PRIV || !is_ours(task))
		return 0;
	killed = bpf_map_lookup_elem(&last_killed, &zero);
	if (!killed)
		return 0;
	killed->task = (__u64)task;
	killed->pid = (__u32)task->pid;
	bpf_probe_read_kernel(killed->comm, sizeof(killed->comm), task->comm);
	killed->ts = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/mark_victim")
int on_victim(__u64 *ctx)
{
	__u64 victim, n;
	struct stalls_victim *at;
	struct killed *killed;
	__u32 zero = 0;

	killed = bpf_map_lookup_elem(&last_killed, &zero);
	if (!killed || !killed->ts)
		return 0;
	killed->victim = ctx[0];
	victim = killed->victim;
	if (victim != killed->task && (__u32)victim != killed->pid)
		return 0;
	n = __sync_fetch_and_add(&n_victims, 1);
	if (n < STALLS_VICTIMS) {
		at = &victims[n & (STALLS_VICTIMS - 1)];
		at->t_ns = killed->ts;
		at->pid = (__u32)killed->pid;
		__builtin_memcpy(at->comm, killed->comm, sizeof(at->comm));
	}
	killed->ts = 0;
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
