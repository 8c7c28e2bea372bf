/* SPDX-License-Identifier: MIT */
#pragma once
/* sched_types: what the scheduler's BPF programs look into; see kernel_types.h. */

#include <linux/bpf.h>
#include <linux/types.h>

#include <stdbool.h>

#define CORE __attribute__((preserve_access_index))

struct kernfs_node {
	__u64 id;
} CORE;

struct cgroup {
	struct kernfs_node *kn;
} CORE;

struct css_set {
	struct cgroup *dfl_cgrp;
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
	unsigned long long last_queued; /* rq's clock; 0: it is not waiting */
} CORE;

struct task_struct {
	struct css_set *cgroups;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned int in_iowait : 1;
	unsigned int in_memstall : 1;
} CORE;

/* Since Linux 6.18 a task is throttled by itself, on its way to user space. */
struct task_struct___throttled {
	bool throttled;
} CORE;
