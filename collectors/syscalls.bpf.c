/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* syscalls: counts system calls of watched cgroups at their enter, and their latency at exit.
 *
 * What is kept between the two is found by the address of the saved registers, which lie at the top
 * of the task's kernel stack: it is unique among living tasks, and an execve of a thread that does
 * not lead its process changes its id in the middle of the call, but not its stack. Where two
 * stacks share a place, the second one's task has its own storage, which costs more. The number is
 * the one of the enter: at the exit of rt_sigreturn the register holds -1. */

#include <bpf/kernel_types.h>
#include <bpf/target.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

#include "syscalls.h"

#define NR_rt_sigreturn 15
#define NR_clone        56
#define NR_fork         57
#define NR_vfork        58
#define NR_exit         60
#define NR_exit_group   231
#define NR_clone3       435
#define ERRNO_MAX       4095

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct syscalls_start);
} others SEC(".maps");

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
	__type(value, struct syscalls_enters);
} enters SEC(".maps");

/* Written by the reader, before the programs are loaded: loglin_bucket() of short times, which
 * takes BPF, without an instruction that finds the highest bit, some forty of its own. */
const volatile __u8 bucket_of[SYSCALLS_SHORT];

/* Written by the reader. */
__u64 targets[SYSCALLS_TARGETS]; /* ids of v2 groups; 0: free */
__u64 masks[SYSCALLS_TARGETS];   /* a call is timed where a random number has none of these bits */
__u32 n_targets;                 /* none is used from here on */
__u32 n_cells;                   /* entries of cells and enters */

/* Written here. Cell 0 is never given out: it means none. */
__u32 last_cell;
__u32 cell_of[SYSCALLS_TARGETS][SYSCALLS_ROWS];
struct syscalls_start starts[SYSCALLS_STARTS];
__u32 has_others; /* a task ever had to have its own storage */
struct syscalls_losses losses[SYSCALLS_TARGETS];

static __always_inline __u64 target_of(const struct task_struct *task)
{
	return target_number(task, targets, n_targets, SYSCALLS_TARGETS);
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

static __always_inline struct syscalls_start *place_of(__u64 address)
{
	return &starts[(address >> SYSCALLS_STACK_SHIFT) & (SYSCALLS_STARTS - 1)];
}

/* The task's own place, or its own storage where another living one has that. */
static __always_inline struct syscalls_start *start_to_fill(__u64 regs, struct task_struct *task,
							    __u64 target)
{
	struct syscalls_start *start = place_of(regs);

	if (start->regs == regs || __sync_val_compare_and_swap(&start->regs, 0, regs) == 0)
		return start;
	start = bpf_task_storage_get(&others, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* Written once, or each call of each CPU would want its line of the cache. */
	if (start && !has_others)
		has_others = 1;
	if (!start)
		__sync_fetch_and_add(&losses[target].create_failed, 1);
	return start;
}

/* Is this call one of those that are timed? A draw for each, since every n-th would fall in step
 * with what calls in turns (xorshift: Marsaglia, Journal of Statistical Software 8(14), 2003). */
static __always_inline bool is_drawn(struct syscalls_enters *enters, __u64 mask)
{
	__u64 x = enters->random;

	if (!mask)
		return true;
	if (!x)
		x = (__u64)bpf_get_prandom_u32() << 32 | 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	enters->random = x;
	return (x >> 32 & mask) == 0;
}

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 regs = ctx->args[0], row = ctx->args[1], target = target_of(task);
	struct syscalls_start *start;
	struct syscalls_enters *count;
	bool timed = false;
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
		count->n += 1;
		timed = is_drawn(count, masks[target]);
	}
	start = start_to_fill(regs, task, target);
	if (!start)
		return 0;
	start->cell = cell;
	start->row = (__u16)row;
	start->target = (__u8)target;
	/* They never return. */
	if (row == NR_exit || row == NR_exit_group) {
		start->state = SYSCALLS_IDLE;
		return 0;
	}
	if (!timed) {
		start->state = SYSCALLS_UNTIMED;
		return 0;
	}
	start->state = SYSCALLS_TIMED;
	start->ts = bpf_ktime_get_ns(); /* last: nothing of ours but the way out is timed */
	return 0;
}

/* Whoever gets the stack next must not find a call of this task begun. By address, as a number: a
 * field of a BTF pointer is a pointer to the verifier, which may not be calculated with. */
SEC("raw_tp/sched_process_exit")
int on_end(struct bpf_raw_tracepoint_args *ctx)
{
	const struct task_struct *task = (const struct task_struct *)ctx->args[0];
	struct syscalls_start *start;
	__u64 stack = 0;

	(void)bpf_probe_read_kernel(&stack, sizeof(stack),
				    __builtin_preserve_access_index(&task->stack));
	start = place_of(stack);
	if (start->regs >> SYSCALLS_STACK_SHIFT != stack >> SYSCALLS_STACK_SHIFT)
		return 0;
	start->state = SYSCALLS_IDLE;
	start->regs = 0;
	return 0;
}

/* A return without a start. A new task's first one belongs to the call that made it, which
 * was its parent's. */
static __always_inline void exit_alone(struct task_struct *task, __u64 address, long ret)
{
	__u64 target = target_of(task), nr = 0;
	const struct pt_regs *regs = (const struct pt_regs *)address;

	if (target >= SYSCALLS_TARGETS)
		return;
	(void)bpf_probe_read_kernel(&nr, sizeof(nr),
				    __builtin_preserve_access_index(&regs->orig_ax));
	if (ret == 0 && (nr == NR_clone || nr == NR_fork || nr == NR_vfork || nr == NR_clone3))
		return;
	__sync_fetch_and_add(&losses[target].exit_without_enter, 1);
}

/* In the task's own storage, if it has any: else NULL. */
static __noinline struct syscalls_start *start_elsewhere(__u64 regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct syscalls_start *start = NULL;

	if (has_others && task->bpf_storage)
		start = bpf_task_storage_get(&others, task, NULL, 0);
	if (start && start->state != SYSCALLS_IDLE)
		return start;
	exit_alone(task, regs, ret);
	return NULL;
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

static __always_inline void count_latency(struct syscalls_cell *cell, __u64 ns)
{
	__u64 bucket = ns < SYSCALLS_SHORT ? bucket_of[ns] : loglin_bucket(ns);

	cell->sum_ns += ns;
	if (ns > cell->max_ns)
		cell->max_ns = ns;
	/* Again, in 64 bits: the verifier of 6.1 does not carry a 32-bit comparison over. */
	barrier_var(bucket);
	if (bucket >= LOGLIN_BUCKETS)
		bucket = LOGLIN_BUCKETS - 1;
	cell->buckets[bucket] += 1;
}

SEC("raw_tp/sys_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 regs = ctx->args[0], ret = ctx->args[1], now = 0;
	struct syscalls_start *start = place_of(regs);
	struct syscalls_cell *cell;
	bool failed;
	__u32 index;

	if (start->regs != regs || start->state == SYSCALLS_IDLE)
		start = start_elsewhere(regs, (long)ret);
	if (!start)
		return 0;
	if (start->state == SYSCALLS_TIMED)
		now = bpf_ktime_get_ns();
	start->state = SYSCALLS_IDLE;
	/* rt_sigreturn gives back the register of the interrupted code, whatever it is. */
	failed = ret >= (__u64)-ERRNO_MAX && start->row != NR_rt_sigreturn;
	if (!now && !failed)
		return 0;
	index = start->cell;
	cell = bpf_map_lookup_elem(&cells, &index);
	if (!index || !cell)
		return 0;
	if (now)
		count_latency(cell, now - start->ts);
	if (failed)
		count_error(cell, -ret);
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
