/* SPDX-License-Identifier: MIT */
#pragma once
/* kvm_probe: does KVM run the guest kernel's code on the CPU, or does it only look so?
 *
 * On nested and paravirtual hosts /dev/kvm opens and answers every ioctl, while it interprets
 * ring 0 at a microsecond an instruction. So a loop is run in ring 0, without any guest kernel,
 * and timed. */

#include <stdbool.h>

enum kvm_state {
	KVM_STATE_REAL,      /* the loop ran as fast as a CPU runs it */
	KVM_STATE_EMULATING, /* it ran, but was interpreted */
	KVM_STATE_BROKEN,    /* it did not run to its end */
	KVM_STATE_ABSENT,    /* there is no /dev/kvm, or we may not open it */
};

struct kvm_probe {
	enum kvm_state state;
	double ns_per_iteration; /* of a loop of two instructions; 0: it did not end */
	/* KVM offers IA32_ARCH_CAPABILITIES and refuses to have it set, on which QEMU gives up. */
	bool arch_capabilities_refused;
	char why[160]; /* a sentence */
};

/* Takes milliseconds, or until a deadline of seconds when the loop hangs. */
void kvm_probe(struct kvm_probe *ret);
