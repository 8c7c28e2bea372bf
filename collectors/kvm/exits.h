/* SPDX-License-Identifier: MIT */
#pragma once
/* exits: the BPF programs of the collector `kvm`, loaded once for all guests that this process
 * watches, and what they have seen of one of them. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kvm/cells.h"

struct tare_err;

struct exits_reason {
	uint32_t kind, reason;
	struct exits_cell cell; /* of all virtual CPUs */
};

struct exits_view {
	uint64_t at_ns;
	struct exits_vcpu *vcpus; /* by thread id */
	size_t n_vcpus;
	struct exits_reason *reasons; /* by kind and reason */
	size_t n_reasons;
	uint64_t no_room, misses; /* misses: of the programs, in the whole system */
};

/* Load and attach for a moment. A success is remembered. */
int exits_probe(struct tare_err *err);
/* Load and attach, or join those that are; take the slot of the process that runs the guest. Gives
 * back its number. -EBUSY: EXITS_GUESTS are watched already. */
int exits_watch(pid_t process, struct tare_err *err);
void exits_unwatch(int slot);
/* Of the guest so far. On failure nothing is left to clear. */
int exits_read(int slot, struct exits_view *ret, struct tare_err *err);
void exits_clear(struct exits_view *view);
