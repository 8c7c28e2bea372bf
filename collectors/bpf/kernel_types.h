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

struct css_set {
	struct cgroup *dfl_cgrp; /* the group in the v2 hierarchy */
} CORE;

struct thread_info {
	__u32 status;
} CORE;

struct bpf_local_storage;

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	struct css_set *cgroups;
	struct bpf_local_storage *bpf_storage; /* NULL: no program keeps anything here */
} CORE;
