/* SPDX-License-Identifier: MIT */
#pragma once
/* settings: the options and limits of a vm, read and held against each other. */

#include <stdbool.h>
#include <stdint.h>

#include "machine/machine.h"
#include "machine/vm/qemu.h"

struct tare_err;

extern const struct machine_ops machine_ops_vm; /* in the generated table */
extern const struct machine_option vm_options[];

struct vm_settings {
	enum qemu_accel accel;
	bool accel_confirmed;     /* false: a boot has to show that KVM works */
	bool accel_may_fall_back; /* accel=auto */
	char accel_why[240];      /* a sentence */
	enum qemu_machine machine;
	char machine_why[160];
	uint64_t memory_bytes;
	unsigned int vcpus;
	uint64_t tsc_khz;     /* 0: not told to the guest */
	const char *kernel;   /* a file; NULL: the distribution's cloud kernel. Of the options */
	const char *root;     /* an image of the store as a disk; NULL: none. Of the options */
	bool restore;         /* go on with a saved guest */
	uint64_t silence_ns;  /* how long the guest may take over a call */
	struct limits limits; /* what is left for QEMU's cgroup: memory is memory_bytes */
};

/* The part that all guests have: options memory, image, boot and silence, and the limits. */
int vm_settings_read_common(const struct machine_ops *ops, const struct machine_config *config,
			    struct vm_settings *ret, struct tare_err *err);

/* qemu_path: of qemu_find(). The verdict on KVM comes from the cache or a probe. */
int vm_settings_read(const struct machine_config *config, const char *qemu_path,
		     struct vm_settings *ret, struct tare_err *err);

/* KVM did not do it: TCG then, and why. */
int vm_settings_fall_back(struct vm_settings *settings, const char *why, struct tare_err *err);
