/* SPDX-License-Identifier: MIT */
#pragma once
/* kvm: what the BPF programs of this collector and its reader share. */

#include <linux/types.h>

#include "common/times.h"

#define EXITS_GUESTS 16   /* watched at a time */
#define EXITS_VCPUS  1024 /* of all of them */
#define EXITS_CELLS  8192 /* reasons that were seen of all of them */

/* Whose reasons they are. The first two are KVM's own numbers (KVM_ISA_VMX and KVM_ISA_SVM of
 * arch/x86/kvm/trace.h), other ones may follow. */
enum exits_kind {
	EXITS_VMX = 1,
	EXITS_SVM = 2,
	EXITS_USER = 0x10000, /* KVM_EXIT_* of linux/kvm.h: what QEMU had to see to */
	EXITS_RETURN,         /* KVM_RUN came back with an error, and its number */
};

struct exits_thread {
	__u32 guest; /* its slot */
	__u32 tid;
};

struct exits_key {
	struct exits_thread thread;
	__u32 kind;
	__u32 reason;
};

/* What was seen of one virtual CPU, by its own thread: nobody else writes. */
struct exits_vcpu {
	/* What goes on; a time of 0: it does not. */
	__u64 entry_ts, exit_ts, user_ts;
	struct exits_key exit, user;
	/* What has been. */
	__u64 entries, exits, in_ns;
	__u64 user_exits;
	__u64 emulated, emulation_failed; /* instructions that KVM carried out itself */
	__u64 polled, polled_ns;          /* halts that ended while it was still polling */
	__u64 waited, waited_ns;          /* halts for which the thread went to sleep */
	__u64 in_vain;                    /* those of both that left nothing to run */
	__u64 grown, shrunk, poll_ns; /* how long it polls before it sleeps: changes, the last */
	__u64 unpaired;               /* exits whose entry was not seen */
};

struct exits_cell {
	__u64 n;
	struct times away; /* until the guest went on */
};
