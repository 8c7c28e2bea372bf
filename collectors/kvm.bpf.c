/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* kvm: why the virtual CPUs of watched guests left the guest, and how long they stayed away.
 *
 * All of it happens in the virtual CPU's own thread, so that nothing is written by two. */

#include <bpf/kernel_types.h>
#include <bpf/times.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

#include "kvm/cells.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, EXITS_VCPUS);
	__type(key, struct exits_thread);
	__type(value, struct exits_vcpu);
} vcpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, EXITS_CELLS);
	__type(key, struct exits_key);
	__type(value, struct exits_cell);
} cells SEC(".maps");

const volatile struct exits_cell no_cell = {};
const volatile struct exits_vcpu no_vcpu = {};

/* Written by the reader. */
__u32 guests[EXITS_GUESTS]; /* process ids of who runs them; 0: free */
__u32 n_guests;             /* none is used from here on */

__u64 no_room[EXITS_GUESTS]; /* events that found a map full */

static __always_inline bool find_thread(struct exits_thread *ret)
{
	__u64 id = bpf_get_current_pid_tgid(), n = n_guests;
	__u32 process = id >> 32;

	for (__u32 i = 0; i < EXITS_GUESTS; i++) {
		if (i >= n)
			break;
		if (guests[i] == process) {
			ret->guest = i;
			ret->tid = (__u32)id;
			return true;
		}
	}
	return false;
}

static __always_inline void count_no_room(__u64 guest)
{
	barrier_var(guest);
	if (guest < EXITS_GUESTS)
		__sync_fetch_and_add(&no_room[guest], 1);
}

/* Of the current thread; NULL: nobody watches its guest. */
static __always_inline struct exits_vcpu *vcpu_of_current(void)
{
	struct exits_thread thread;
	struct exits_vcpu *vcpu;

	if (!find_thread(&thread))
		return NULL;
	vcpu = bpf_map_lookup_elem(&vcpus, &thread);
	if (vcpu)
		return vcpu;
	(void)bpf_map_update_elem(&vcpus, &thread, (const void *)&no_vcpu, BPF_NOEXIST);
	vcpu = bpf_map_lookup_elem(&vcpus, &thread);
	if (!vcpu) {
		count_no_room(thread.guest);
		return NULL;
	}
	vcpu->exit.thread = thread;
	vcpu->user.thread = thread;
	return vcpu;
}

static __always_inline void count(const struct exits_key *of)
{
	struct exits_key key = *of;
	struct exits_cell *cell = bpf_map_lookup_elem(&cells, &key);

	if (!cell) {
		(void)bpf_map_update_elem(&cells, &key, (const void *)&no_cell, BPF_NOEXIST);
		cell = bpf_map_lookup_elem(&cells, &key);
	}
	if (cell)
		cell->n += 1;
	else
		count_no_room(key.thread.guest);
}

static __always_inline void add_away(const struct exits_key *of, __u64 since, __u64 until)
{
	struct exits_key key = *of;
	struct exits_cell *cell = bpf_map_lookup_elem(&cells, &key);

	if (cell)
		times_add(&cell->away, until > since ? until - since : 0);
}

/* The thread is in KVM: it is back from user space, if that is where it was. */
static __always_inline void come_back(struct exits_vcpu *vcpu, __u64 now)
{
	if (!vcpu->user_ts)
		return;
	add_away(&vcpu->user, vcpu->user_ts, now);
	vcpu->user_ts = 0;
}

/* Not tp_btf: only the event's own record has the reason, whatever the processor. A program here
 * that gives back 0 takes the event away from everybody who counts it by perf. */
SEC("tracepoint/kvm/kvm_exit")
int on_exit(struct trace_event_raw_kvm_exit *event)
{
	__u64 now = bpf_ktime_get_ns();
	struct exits_vcpu *vcpu = vcpu_of_current();

	if (!vcpu)
		return 1;
	if (vcpu->entry_ts)
		vcpu->in_ns += now - vcpu->entry_ts;
	else
		vcpu->unpaired += 1;
	vcpu->entry_ts = 0;
	vcpu->exits += 1;
	vcpu->exit.kind = event->isa;
	vcpu->exit.reason = event->exit_reason;
	count(&vcpu->exit);
	vcpu->exit_ts = now;
	return 1;
}

SEC("tp_btf/kvm_entry")
int BPF_PROG(on_entry)
{
	struct exits_vcpu *vcpu = vcpu_of_current();
	__u64 now = bpf_ktime_get_ns();

	if (!vcpu)
		return 0;
	come_back(vcpu, now);
	if (vcpu->exit_ts)
		add_away(&vcpu->exit, vcpu->exit_ts, now);
	vcpu->exit_ts = 0;
	vcpu->entries += 1;
	vcpu->entry_ts = now;
	return 0;
}

SEC("tp_btf/kvm_userspace_exit")
int BPF_PROG(on_userspace_exit, __u32 reason, int error)
{
	__u64 now = bpf_ktime_get_ns();
	struct exits_vcpu *vcpu = vcpu_of_current();

	if (!vcpu)
		return 0;
	come_back(vcpu, now);
	vcpu->user_exits += 1;
	vcpu->user.kind = error < 0 ? EXITS_RETURN : EXITS_USER;
	vcpu->user.reason = error < 0 ? (__u32)-error : reason;
	count(&vcpu->user);
	vcpu->user_ts = now;
	return 0;
}

SEC("tp_btf/kvm_emulate_insn")
int BPF_PROG(on_emulate, void *of, __u8 failed)
{
	struct exits_vcpu *vcpu = vcpu_of_current();

	if (!vcpu)
		return 0;
	come_back(vcpu, bpf_ktime_get_ns());
	vcpu->emulated += 1;
	vcpu->emulation_failed += failed != 0;
	return 0;
}

SEC("tp_btf/kvm_vcpu_wakeup")
int BPF_PROG(on_wakeup, __u64 ns, bool waited, bool valid)
{
	__u64 now = bpf_ktime_get_ns();
	struct exits_vcpu *vcpu = vcpu_of_current();

	if (!vcpu)
		return 0;
	come_back(vcpu, now - ns);
	if (waited) {
		vcpu->waited += 1;
		vcpu->waited_ns += ns;
	} else {
		vcpu->polled += 1;
		vcpu->polled_ns += ns;
	}
	vcpu->in_vain += !valid;
	return 0;
}

SEC("tp_btf/kvm_halt_poll_ns")
int BPF_PROG(on_poll_ns, bool grow, unsigned int number, unsigned int now_ns, unsigned int then_ns)
{
	struct exits_vcpu *vcpu = vcpu_of_current();

	if (!vcpu)
		return 0;
	if (grow)
		vcpu->grown += 1;
	else
		vcpu->shrunk += 1;
	vcpu->poll_ns = now_ns;
	return 0;
}

char license_name[] SEC("license") = "Dual MIT/GPL";
