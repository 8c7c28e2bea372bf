/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* cpu: the account of a group's quota at the end of each period, as the kernel's own timer leaves
 * it. Neither throttling nor its end has a tracepoint, and functions cannot be traced on a
 * locked-down kernel: the expiry of a timer can. */

#include <bpf/kernel_types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "cpu/periods.h"

const volatile __u64 group; /* id of the group in the hierarchy of the CPU controller */
__u64 lost;                 /* periods that the ring had no room for */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PERIODS_RING);
} ring SEC(".maps");

extern const void sched_cfs_period_timer __ksym;

static __always_inline void put_period(const struct cfs_bandwidth *from)
{
	struct cpu_period *to = bpf_ringbuf_reserve(&ring, sizeof(*to), 0);

	if (!to) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	to->t_ns = bpf_ktime_get_ns();
	to->nr_periods = BPF_CORE_READ(from, nr_periods);
	to->nr_throttled = BPF_CORE_READ(from, nr_throttled);
	to->throttled_ns = BPF_CORE_READ(from, throttled_time);
	to->burst_ns = BPF_CORE_READ(from, burst_time);
	/* There is a reader at the next sample, or at the end: nobody is to be woken. */
	bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
}

/* On the way out the timer has counted the period. */
SEC("tp_btf/hrtimer_expire_exit")
int BPF_PROG(on_timer, struct hrtimer *timer)
{
	const struct cfs_bandwidth *bandwidth;
	const struct task_group *owner;

	if ((const void *)timer->function != &sched_cfs_period_timer)
		return 0;
	bandwidth = (const void *)((const char *)timer -
				   bpf_core_field_offset(struct cfs_bandwidth, period_timer));
	owner = (const void *)((const char *)bandwidth -
			       bpf_core_field_offset(struct task_group, cfs_bandwidth));
	if (BPF_CORE_READ(owner, css.cgroup, kn, id) == group)
		put_period(bandwidth);
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
