/* SPDX-License-Identifier: MIT */
#pragma once
/* target: which of the groups that are watched a task is in. */

#include <bpf/kernel_types.h>

#include <bpf/bpf_helpers.h>

/* The number of the task's group among the ids of v2 groups, the first n of which are used;
 * most: it is in none. Plain loads of BTF pointers: a helper costs twice as much, and sees the
 * same. */
static __always_inline __u64 target_number(const struct task_struct *task, const __u64 *ids,
					   __u64 n, __u64 most)
{
	__u64 id = task->cgroups->dfl_cgrp->kn->id;

	for (__u64 i = 0; i < most; i++) {
		if (i >= n)
			break;
		if (ids[i] == id)
			return i;
	}
	return most;
}
