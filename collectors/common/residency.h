/* SPDX-License-Identifier: MIT */
#pragma once
/* residency: how long the tasks of a group, and of groups below it, were on each CPU, as seen by
 * sched_switch. It is told by the v2 hierarchy, whatever limits where they run. */

#ifdef __bpf__
#include <linux/types.h>
typedef __u64 residency_u64;
#else
#include <stdint.h>
typedef uint64_t residency_u64;
#endif

#define RESIDENCY_CPUS 64

struct residency_cpu {
	residency_u64 since_ns; /* the last switch */
	residency_u64 on_ns;    /* of turns on the CPU that have ended */
	residency_u64 switches;
};

#ifndef __bpf__
struct cgroup;
struct residency;
struct tare_err;

/* -ENOTSUP: this kernel has no BTF, or no v2 group to tell tasks by. */
int residency_open(const struct cgroup *cgroup, struct residency **ret, struct tare_err *err);
/* So far, of each CPU; those there are not are 0. */
int residency_read(struct residency *residency, uint64_t ret_on_ns[RESIDENCY_CPUS],
		   struct tare_err *err);
void residency_close(struct residency *residency); /* NULL is fine */
#endif
