/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* empty_pair: programs at both ends of a system call that do nothing: what any observer pays. */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("raw_tp/sys_enter")
int empty_enter(void *context)
{
	return 0;
}

SEC("raw_tp/sys_exit")
int empty_exit(void *context)
{
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
