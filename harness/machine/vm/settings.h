/* SPDX-License-Identifier: MIT */
#pragma once
/* settings: the options and limits of a vm, read and held against each other. */

#include <stdbool.h>
#include <stdint.h>

#include "machine/machine.h"
#include "machine/vm/disk_mode.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/qemu.h"

struct tare_err;

extern const struct machine_ops machine_ops_vm; /* in the generated table */
extern const struct machine_option vm_options[];

struct vm_settings {
	enum qemu_accel accel;
	struct kvm_verdict verdict; /* on KVM with this kernel */
	char accel_why[240];        /* a sentence */
	enum qemu_machine machine;
	char machine_why[160];
	uint64_t memory_bytes;
	uint64_t balloon_bytes; /* what a balloon leaves of it; 0: all */
	unsigned int vcpus;
	uint64_t cpus;        /* where they run: mask; 0: anywhere */
	const char *cpu;      /* QEMU's model; NULL: by the accelerator. Of the options */
	const char *cmdline;  /* what is added to the kernel's; NULL: nothing. Of the options */
	uint64_t tsc_khz;     /* 0: not told to the guest */
	const char *kernel;   /* a file; NULL: the distribution's cloud kernel. Of the options */
	const char *root;     /* an image of the store as a disk; NULL: none. Of the options */
	uint64_t patience_ns; /* how long it may take to boot, to its hello */
	uint64_t silence_ns;  /* how long the guest may take over a call */
	uint64_t disk_bytes;  /* of the work disk; 0: as the recipe says */
	struct disk_mode disk_mode;
	struct limits limits;     /* what is left for QEMU's cgroup: memory is memory_bytes */
	bool accel_may_fall_back; /* accel=auto */
	bool accel_fell_back;     /* KVM was wanted, and this is TCG */
	bool hugepages;
	bool network;        /* a network device */
	bool balloon;        /* it has the device */
	bool kernel_of_host; /* the running kernel's image */
	bool smoke;          /* our own guest without Linux instead */
	bool restore;        /* go on with a saved guest */
};

/* The part that all guests have: options guest-memory, disk, image, patience and silence, and the
 * limits. */
int vm_settings_read_common(const struct machine_ops *ops, const struct machine_config *config,
			    struct vm_settings *ret, struct tare_err *err);

/* All but what depends on the accelerator. */
int vm_settings_read(const struct machine_config *config, struct vm_settings *ret,
		     struct tare_err *err);

/* Choose the accelerator for a guest kernel, and what depends on it. */
int vm_settings_choose(const struct machine_config *config, const struct kvm_verdict_key *key,
		       struct vm_settings *settings, struct tare_err *err);

/* How long this boot may take: until a guest has booted under KVM, not long. */
uint64_t vm_settings_patience(const struct vm_settings *settings);

/* KVM did not do it: TCG then, and why. -ENOTSUP: KVM it had to be. */
int vm_settings_fall_back(const struct machine_config *config, struct vm_settings *settings,
			  const char *why, struct tare_err *err);
