/* SPDX-License-Identifier: MIT */
#pragma once
/* kernel_types: the few kernel types that tare's BPF programs look into.
 *
 * Only the fields that are read, by name: libbpf puts in the offsets of the running kernel
 * (CO-RE). They stand in for a generated vmlinux.h of 3 MB that would fit one kernel. */

#include <linux/bpf.h>
#include <linux/types.h>

#define CORE __attribute__((preserve_access_index))

/* arch/x86/include/asm/thread_info.h: set while a task is in a call of the 32-bit table. */
#define TS_COMPAT 0x0002

struct pt_regs {
	unsigned long orig_ax;
} CORE;

struct kernfs_node {
	__u64 id;
} CORE;

struct cgroup {
	struct kernfs_node *kn;
} CORE;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
} CORE;

struct css_set {
	struct cgroup *dfl_cgrp; /* the group in the v2 hierarchy */
} CORE;

struct thread_info {
	__u32 status;
} CORE;

struct rq {
	__u64 clock;
} CORE;

struct cfs_rq {
	struct rq *rq;
	int throttle_count; /* of its own throttled ancestors: before tasks were throttled */
} CORE;

struct sched_entity {
	struct cfs_rq *cfs_rq;
} CORE;

struct sched_info {
	unsigned long long run_delay;    /* ns, of the waits for a CPU that are over */
	unsigned long long last_arrival; /* on a CPU; rq's clock */
	unsigned long long last_queued;  /* rq's clock; 0: it is not waiting */
} CORE;

struct hrtimer {
	int (*function)(struct hrtimer *);
} CORE;

struct cfs_bandwidth {
	__u64 quota, burst; /* ns; no quota: all bits set */
	long long period;
	struct hrtimer period_timer;
	int nr_periods, nr_throttled, nr_burst;
	__u64 throttled_time, burst_time;
} CORE;

struct task_group {
	struct cgroup_subsys_state css;
	struct cfs_bandwidth cfs_bandwidth;
} CORE;

struct gendisk {
	int major, first_minor;
} CORE;

struct block_device {
	struct gendisk *bd_disk;
} CORE;

struct request_queue {
	struct gendisk *disk;
} CORE;

struct blkcg {
	struct cgroup_subsys_state css;
} CORE;

/* A group on a disk. */
struct blkcg_gq {
	struct request_queue *q;
	struct blkcg *blkcg;
} CORE;

/* What a policy keeps of it. */
struct blkg_policy_data {
	struct blkcg_gq *blkg;
} CORE;

struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right, *rb_left;
} CORE;

struct rb_root {
	struct rb_node *rb_node;
} CORE;

struct rb_root_cached {
	struct rb_root rb_root;
} CORE;

struct bio {
	struct block_device *bi_bdev;
	struct blkcg_gq *bi_blkg;
} CORE;

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len; /* bytes left */
	struct bio *bio;
} CORE;

struct timer_list {
	void (*function)(struct timer_list *);
} CORE;

struct throtl_service_queue {
	struct throtl_service_queue *parent_sq;
	unsigned int nr_queued[2];
	struct rb_root_cached pending_tree;
	struct timer_list pending_timer;
} CORE;

/* Since Linux 6.16 they are held back by bytes and by operations apart. */
struct throtl_service_queue___apart {
	unsigned int nr_queued_bps[2];
	unsigned int nr_queued_iops[2];
} CORE;

struct throtl_grp {
	struct blkg_policy_data pd;
	struct rb_node rb_node;
	struct throtl_service_queue service_queue;
} CORE;

struct bpf_local_storage;

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	int pid, tgid;
	char comm[16];
	struct css_set *cgroups;
	struct sched_entity se;
	struct sched_info sched_info;
	struct bpf_local_storage *bpf_storage; /* NULL: no program keeps anything here */
	unsigned int in_iowait : 1;
	unsigned int in_memstall : 1;
} CORE;

/* Since Linux 6.18 a task is throttled by itself, on its way to user space. */
struct task_struct___throttled {
	_Bool throttled;
} CORE;

/* The record of the event kvm:kvm_exit. */
struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
	__u32 isa;
} CORE;
