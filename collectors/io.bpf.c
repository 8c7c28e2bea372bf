/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* io: how long a group's requests to disks took, and how long its limits, the kernel's own control
 * of requests and its dirty pages held it back. */

#include <bpf/kernel_types.h>
#include <bpf/times.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

#include "io/blocks.h"

#define REQUESTS 4096 /* at a time */
#define STEPS    128  /* three for each group that is held back on a disk */

const volatile __u64 io_group; /* id of the group in the hierarchy of the I/O controller */
const volatile __u64 group;    /* id of the v2 group */

__u32 devices[BLOCKS_DEVICES]; /* major << 20 | minor; 0: free */
struct blocks_held held[BLOCKS_DEVICES];

/* By a disk's place and the direction. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BLOCKS_SERVICES);
	__type(key, __u32);
	__type(value, struct times);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blocks_cell);
} cells SEC(".maps");

struct issued {
	__u64 ts;
	__u32 service, unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUESTS);
	__type(key, __u64); /* the request's address */
	__type(value, struct issued);
} requests SEC(".maps");

/* When the task handed in what it now wants a request for. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} queued SEC(".maps");

/* When the task was told to pause; 0: it was not. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} pauses SEC(".maps");

__u64 n_paused; /* tasks; while there is none, a switch costs one look at this */

extern const void throtl_pending_timer_fn __ksym __weak;

static __always_inline struct blocks_cell *cell(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cells, &zero);
}

/* The place of a disk; BLOCKS_DEVICES: there is none left. Not static, and so verified by itself,
 * not at each call. */
__noinline __u64 place_of(__u32 major, __u32 minor)
{
	__u32 device = major << 20 | (minor & 0xfffff);

	for (__u64 i = 0; i < BLOCKS_DEVICES; i++) {
		if (devices[i] == 0)
			__sync_val_compare_and_swap(&devices[i], 0, device);
		if (devices[i] == device)
			return i;
	}
	return BLOCKS_DEVICES;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *rq)
{
	__u64 key = (__u64)rq, place;
	struct issued issued = {};
	struct blocks_cell *c;
	__u32 op = rq->cmd_flags & 0xff;

	if (rq->bio->bi_blkg->blkcg->css.cgroup->kn->id != io_group)
		return 0;
	c = cell();
	if (!c)
		return 0;
	place = place_of((__u32)rq->q->disk->major, (__u32)rq->q->disk->first_minor);
	if (place == BLOCKS_DEVICES) {
		c->devices += 1;
		return 0;
	}
	issued.service = (__u32)place * BLOCKS_DIRECTIONS + (op < BLOCKS_OTHER ? op : BLOCKS_OTHER);
	issued.ts = bpf_ktime_get_ns();
	/* One that the disk had no room for is issued again, and counts from then on. */
	if (bpf_map_update_elem(&requests, &key, &issued, BPF_NOEXIST) == 0)
		c->begun += 1;
	else if (bpf_map_update_elem(&requests, &key, &issued, BPF_EXIST) < 0)
		c->create_failed += 1;
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *rq, int error, unsigned int bytes)
{
	__u64 now = bpf_ktime_get_ns(), key = (__u64)rq, ts;
	struct issued *issued;
	struct blocks_cell *c;
	struct times *times;
	__u32 service;

	if (bytes < rq->__data_len)
		return 0; /* a part of it */
	issued = bpf_map_lookup_elem(&requests, &key);
	if (!issued)
		return 0;
	service = issued->service;
	ts = issued->ts;
	bpf_map_delete_elem(&requests, &key);
	c = cell();
	times = bpf_map_lookup_elem(&services, &service);
	if (!c || !times)
		return 0;
	times_add(times, now - ts);
	c->ended += 1;
	return 0;
}

/* How many requests the group's limits hold back on a disk. */
static __always_inline __u32 count_held(__u64 address)
{
	const struct throtl_grp *throttled = (const void *)address;
	const struct throtl_service_queue___apart *apart =
		(const void *)((const char *)throttled +
			       bpf_core_field_offset(struct throtl_grp, service_queue));

	if (bpf_core_field_exists(apart->nr_queued_bps))
		return BPF_CORE_READ(apart, nr_queued_bps[0]) +
		       BPF_CORE_READ(apart, nr_queued_bps[1]) +
		       BPF_CORE_READ(apart, nr_queued_iops[0]) +
		       BPF_CORE_READ(apart, nr_queued_iops[1]);
	return BPF_CORE_READ(throttled, service_queue.nr_queued[0]) +
	       BPF_CORE_READ(throttled, service_queue.nr_queued[1]);
}

/* A time in which something is held back begins, or ends. */
static __always_inline void look(struct blocks_held *h)
{
	__u64 now = bpf_ktime_get_ns(), since = h->since_ns;
	bool holds = h->group && count_held(h->group) > 0;

	if (holds && since == 0) {
		__sync_val_compare_and_swap(&h->since_ns, 0, now);
	} else if (!holds && since != 0 &&
		   __sync_val_compare_and_swap(&h->since_ns, since, 0) == since) {
		__sync_fetch_and_add(&h->sum_ns, now > since ? now - since : 0);
		__sync_fetch_and_add(&h->n, 1);
	}
}

/* True: it is the group's own on a disk. */
static __always_inline bool take_held(__u64 node, __u64 queue)
{
	const struct throtl_grp *throttled =
		(const void *)(node - bpf_core_field_offset(struct throtl_grp, rb_node));
	const struct blkcg_gq *blkg = BPF_CORE_READ(throttled, pd.blkg);
	__u64 place;

	if (BPF_CORE_READ(blkg, blkcg, css.cgroup, kn, id) != io_group)
		return false;
	place = place_of((__u32)BPF_CORE_READ(blkg, q, disk, major),
			 (__u32)BPF_CORE_READ(blkg, q, disk, first_minor));
	if (place < BLOCKS_DEVICES) {
		held[place].group = (__u64)throttled;
		held[place].queue = queue;
	}
	return true;
}

/* Whom a queue holds back is in its tree, whoever starts its timer: others may be held back on the
 * same disk. Not static, as above. */
__noinline int learn(__u64 queue)
{
	const struct throtl_service_queue *of = (const void *)queue;
	__u64 node = (__u64)BPF_CORE_READ(of, pending_tree.rb_root.rb_node), before = 0;

	for (int i = 0; i < STEPS && node; i++) {
		const struct rb_node *at = (const void *)node;
		__u64 left = (__u64)BPF_CORE_READ(at, rb_left);
		__u64 right = (__u64)BPF_CORE_READ(at, rb_right);
		__u64 above = BPF_CORE_READ(at, __rb_parent_color) & ~3ULL;
		__u64 next = above;

		if (before == above) {
			if (take_held(node, queue))
				break;
			next = left ? left : right ? right : above;
		} else if (before == left && right) {
			next = right;
		}
		before = node;
		node = next;
	}
	return 0;
}

/* Neither the begin nor the end of being held back has a tracepoint. But who is the first to be
 * held back on a disk starts a timer, and whoever comes later is seen when it is started again. */
SEC("tp_btf/timer_start")
int BPF_PROG(on_timer, struct timer_list *timer)
{
	__u64 queue = 0, address;
	bool known = false;

	if (!&throtl_pending_timer_fn || (const void *)timer->function != &throtl_pending_timer_fn)
		return 0;
	address = (__u64)((const char *)timer -
			  bpf_core_field_offset(struct throtl_service_queue, pending_timer));
	/* A copy that is a plain number to the verifier. */
	bpf_probe_read_kernel(&queue, sizeof(queue), &address);
	for (int i = 0; i < BLOCKS_DEVICES; i++)
		known |= held[i].queue == queue;
	if (!known)
		learn(queue);
	for (int i = 0; i < BLOCKS_DEVICES; i++)
		if (held[i].queue == queue)
			look(&held[i]);
	return 0;
}

/* What was held back comes by here when it is let go. */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(on_queue, struct bio *bio)
{
	struct blocks_cell *c;
	__u64 place, *at;

	if (bio->bi_blkg->blkcg->css.cgroup->kn->id != io_group)
		return 0;
	place = place_of((__u32)bio->bi_bdev->bd_disk->major,
			 (__u32)bio->bi_bdev->bd_disk->first_minor);
	if (place < BLOCKS_DEVICES)
		look(&held[place & (BLOCKS_DEVICES - 1)]);
	at = bpf_task_storage_get(&queued, bpf_get_current_task_btf(), NULL,
				  BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (at)
		*at = bpf_ktime_get_ns();
	else if ((c = cell()))
		c->create_failed += 1;
	return 0;
}

/* From handing in until there is a request for it: io.cost, iolatency and wbt make wait here. What
 * is merged into another's never comes by. */
SEC("tp_btf/block_getrq")
int BPF_PROG(on_request, struct bio *bio)
{
	__u64 now = bpf_ktime_get_ns(), *at;
	struct blocks_cell *c;

	if (bio->bi_blkg->blkcg->css.cgroup->kn->id != io_group)
		return 0;
	at = bpf_task_storage_get(&queued, bpf_get_current_task_btf(), NULL, 0);
	c = cell();
	if (!at || !*at || !c)
		return 0;
	times_add(&c->request_wait, now - *at);
	*at = 0;
	return 0;
}

/* pause: ticks. None: the writer may go on at once. */
static __always_inline void pause(__s64 pause)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct blocks_cell *c;
	__u64 *since;

	if (pause <= 0 || task->cgroups->dfl_cgrp->kn->id != group)
		return;
	since = bpf_task_storage_get(&pauses, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!since) {
		c = cell();
		if (c)
			c->create_failed += 1;
		return;
	}
	if (*since == 0)
		__sync_fetch_and_add(&n_paused, 1);
	*since = bpf_ktime_get_ns();
}

/* The pause is the last argument but one, of 12 up to Linux 6.15 and of 8 since then. */
SEC("tp_btf/balance_dirty_pages")
int on_pause_of_12(__u64 *ctx)
{
	pause((__s64)ctx[10]);
	return 0;
}

SEC("tp_btf/balance_dirty_pages")
int on_pause_of_8(__u64 *ctx)
{
	pause((__s64)ctx[6]);
	return 0;
}

/* The pause ends when its task runs again: to be preempted before it slept is no end. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct blocks_cell *c;
	__u64 *since;

	if (n_paused == 0 || !BPF_CORE_READ_BITFIELD(next, in_iowait))
		return 0;
	since = bpf_task_storage_get(&pauses, next, NULL, 0);
	c = cell();
	if (!since || !*since || !c)
		return 0;
	times_add(&c->dirty_pauses, bpf_ktime_get_ns() - *since);
	*since = 0;
	__sync_fetch_and_sub(&n_paused, 1);
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
