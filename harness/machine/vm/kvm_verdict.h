/* SPDX-License-Identifier: MIT */
#pragma once
/* kvm_verdict: whether guests of this machine can have KVM. The raw loop says whether it is worth
 * a try, a boot confirms or denies it. The loop's answer is kept in the cache for each kernel
 * release, CPU model and QEMU; a boot's for each guest kernel besides. */

#include <stdbool.h>
#include <stdint.h>

struct tare_err;

enum kvm_verdict_kind {
	KVM_VERDICT_REAL,          /* the loop ran at a CPU's speed */
	KVM_VERDICT_EMULATING,     /* present, but it interprets the guest's kernel */
	KVM_VERDICT_DOES_NOT_BOOT, /* a guest with this kernel was tried, and failed */
	KVM_VERDICT_ABSENT,        /* no KVM that runs even the loop */
};

struct kvm_verdict {
	enum kvm_verdict_kind kind;
	bool booted; /* real, emulating: a guest with this kernel has said its hello */
	bool arch_capabilities_refused; /* KVM refuses the MSR that it offers: the CPU goes without
					 */
	double ns_per_iteration;
	uint64_t waited_ns; /* does not boot: for so long it was silent; 0: it died by itself */
	char why[200];      /* a sentence */
};

/* What a verdict holds for. */
struct kvm_verdict_key {
	const char *cache_dir;
	const char *qemu_path;    /* of qemu_find() */
	const char *guest_kernel; /* SHA-256; NULL: the loop alone */
};

const char *kvm_verdict_name(enum kvm_verdict_kind kind);

/* From the cache, else by the loop, whose answer is cached unless it is "absent" (a matter of
 * rights and modules). */
void kvm_verdict_get(const struct kvm_verdict_key *key, struct kvm_verdict *ret);

/* A guest was booted (r 0) or failed with r, having been given waited_ns: fills in *verdict and
 * writes it down. Only what the guest itself did counts, -EPIPE, -ETIMEDOUT and -EBADMSG; false:
 * r is another matter, a full disk say, and nothing was changed. */
bool kvm_verdict_learn(const struct kvm_verdict_key *key, int r, const char *why,
		       uint64_t waited_ns, struct kvm_verdict *verdict);

/* The boot of another guest, which may wait longer, can show nothing new. */
bool kvm_verdict_is_final(const struct kvm_verdict *verdict, uint64_t patience_ns);

/* Remove all verdicts of a cache: they are asked for anew. */
int kvm_verdict_forget(const char *cache_dir, struct tare_err *err);
