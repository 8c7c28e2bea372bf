/* SPDX-License-Identifier: MIT */
#pragma once
/* kvm_verdict: whether guests of this machine can have KVM. Kept in the cache for each kernel
 * release, CPU model and QEMU: the raw loop says whether it is worth a try, a boot confirms it. */

#include <stdbool.h>

struct tare_err;

enum kvm_verdict_kind {
	KVM_VERDICT_GOOD,      /* a guest has booted under KVM */
	KVM_VERDICT_PROMISING, /* the loop is fast; no guest has booted yet */
	KVM_VERDICT_EMULATING, /* present, but it interprets the guest's kernel */
	KVM_VERDICT_BROKEN,    /* the loop fails, or no guest boots */
	KVM_VERDICT_ABSENT,
};

struct kvm_verdict {
	enum kvm_verdict_kind kind;
	double ns_per_iteration;
	char why[200]; /* a sentence; empty when good or promising */
};

const char *kvm_verdict_name(enum kvm_verdict_kind kind);

/* From the cache, else by the probe, whose verdict is cached unless it is "absent" (a matter of
 * rights and modules) or "promising". */
void kvm_verdict_get(const char *cache_dir, const char *qemu_path, struct kvm_verdict *ret);

/* Write down what a boot showed. */
int kvm_verdict_put(const char *cache_dir, const char *qemu_path, const struct kvm_verdict *verdict,
		    struct tare_err *err);
