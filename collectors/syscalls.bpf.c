/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* syscalls: counts system calls of watched cgroups at their enter, and their latency at exit.
 *
 * What is kept between the two is in the task's own storage and not in a map by thread id: an
 * id is given anew to others, and an execve of a thread that does not lead its process changes
 * it in the middle of the call. The number is the one of the enter: at the exit of
 * rt_sigreturn the register holds -1. */

#include <bpf/kernel_types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "syscalls.h"

#define NR_rt_sigreturn 15
#define NR_clone        56
#define NR_fork         57
#define NR_vfork        58
#define NR_clone3       435
#define ERRNO_MAX       4095

struct start {
	__u64 ts;
	__u32 cell;
	__u16 row;
	__u16 on;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYSCALLS_CELLS);
	__type(key, __u32);
	__type(value, struct syscalls_cell);
} cells SEC(".maps");

/* Calls begun, by cell: apart from the cells, so that each map has one program that writes it.
 * The kernel never runs a program inside itself on one CPU (it counts that as a miss), so
 * that plain additions are exact. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYSCALLS_CELLS);
	__type(key, __u32);
	__type(value, __u64);
} enters SEC(".maps");

/* Written by the reader. */
__u64 targets[SYSCALLS_TARGETS]; /* ids of v2 groups; 0: free */
__u32 n_targets;                 /* none is used from here on */
__u32 n_cells;                   /* entries of cells and enters */

/* Written here. Cell 0 is never given out: it means none. */
__u32 last_cell;
__u32 cell_of[SYSCALLS_TARGETS][SYSCALLS_ROWS];
struct syscalls_losses losses[SYSCALLS_TARGETS];

/* The number of the target that the task is in; SYSCALLS_TARGETS: none. */
static __always_inline __u64 target_of(const struct task_struct *task)
{
	/* Plain loads of BTF pointers: a helper costs twice as much (and sees the same). */
	__u64 id = task->cgroups->dfl_cgrp->kn->id;
	__u64 n = n_targets;

	for (__u64 i = 0; i < SYSCALLS_TARGETS; i++) {
		if (i >= n)
			break;
		if (targets[i] == id)
			return i;
	}
	return SYSCALLS_TARGETS;
}

/* The cell of a row that is seen for the first time; 0: there is none left. Another CPU may
 * do the same at the same time: then one of the two cells stays unused. */
static __noinline __u32 cell_new(__u64 target, __u64 row)
{
	__u32 cell, was;

	if (target >= SYSCALLS_TARGETS || row >= SYSCALLS_ROWS)
		return 0;
	if (last_cell + 1 >= n_cells)
		return 0;
	cell = __sync_fetch_and_add(&last_cell, 1) + 1;
	if (cell >= n_cells)
		return 0;
	was = __sync_val_compare_and_swap(&cell_of[target][row], 0, cell);
	return was ? was : cell;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 target = target_of(task), row = (__u64)nr;
	struct start *start;
	__u64 *count;
	__u32 cell;

	if (target >= SYSCALLS_TARGETS)
		return 0;
	if (row >= SYSCALLS_NUMBERS)
		row = SYSCALLS_OTHER;
	if (task->thread_info.status & TS_COMPAT)
		row = SYSCALLS_COMPAT;

	cell = cell_of[target][row];
	if (!cell)
		cell = cell_new(target, row);
	count = bpf_map_lookup_elem(&enters, &cell);
	if (!cell || !count) {
		__sync_fetch_and_add(&losses[target].no_cell, 1);
		cell = 0;
	} else {
		*count += 1;
	}
	start = bpf_task_storage_get(&starts, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!start) {
		__sync_fetch_and_add(&losses[target].create_failed, 1);
		return 0;
	}
	start->cell = cell;
	start->row = (__u16)row;
	start->on = 1;
	start->ts = bpf_ktime_get_ns(); /* last: nothing of ours but the way out is timed */
	return 0;
}

/* A return without a start. A new task's first one belongs to the call that made it, which
 * was its parent's. */
static __noinline int exit_alone(struct task_struct *task, struct pt_regs *regs, long ret)
{
	__u64 target = target_of(task);
	__u64 nr;

	if (target >= SYSCALLS_TARGETS)
		return 0;
	nr = regs->orig_ax;
	if (ret == 0 && (nr == NR_clone || nr == NR_fork || nr == NR_vfork || nr == NR_clone3))
		return 0;
	__sync_fetch_and_add(&losses[target].exit_without_enter, 1);
	return 0;
}

static __always_inline void count_error(struct syscalls_cell *cell, __u64 code)
{
	cell->errors += 1;
	for (int i = 0; i < SYSCALLS_ERRNOS; i++) {
		if (cell->errnos[i].code != code && cell->errnos[i].code != 0)
			continue;
		cell->errnos[i].code = code;
		cell->errnos[i].count += 1;
		break;
	}
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct syscalls_cell *cell;
	struct start *start;
	__u64 now, ns, bucket;
	__u32 index;

	/* Most tasks of the system end here, before the clock, which is a third of the cost. */
	if (!task->bpf_storage)
		return exit_alone(task, regs, ret);
	now = bpf_ktime_get_ns();
	start = bpf_task_storage_get(&starts, task, NULL, 0);
	if (!start || !start->on)
		return exit_alone(task, regs, ret);
	start->on = 0;
	index = start->cell;
	cell = bpf_map_lookup_elem(&cells, &index);
	if (!index || !cell)
		return 0;

	ns = now - start->ts;
	cell->sum_ns += ns;
	if (ns > cell->max_ns)
		cell->max_ns = ns;
	bucket = loglin_bucket(ns);
	/* Again, in 64 bits: the verifier of 6.1 does not carry a 32-bit comparison over. */
	barrier_var(bucket);
	if (bucket >= LOGLIN_BUCKETS)
		bucket = LOGLIN_BUCKETS - 1;
	cell->buckets[bucket] += 1;
	/* rt_sigreturn gives back the register of the interrupted code, whatever it is. */
	if ((__u64)ret >= (__u64)-ERRNO_MAX && start->row != NR_rt_sigreturn)
		count_error(cell, (__u64)-ret);
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
