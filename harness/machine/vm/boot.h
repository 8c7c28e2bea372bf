/* SPDX-License-Identifier: MIT */
#pragma once
/* boot: from settings to a guest that answers: image, cold boot or snapshot, KVM or its fallback.
 */

#include "machine/vm/guest.h"
#include "machine/vm/image.h"
#include "machine/vm/image_root.h"
#include "machine/vm/settings.h"

struct tare_err;

struct vm_boot {
	struct vm_settings settings; /* as they turned out */
	struct image image;
	struct image_root root; /* folder NULL: none was asked for */
	char *entry;            /* see entry.h; NULL: none */
	struct guest guest;
	bool restored;
	uint64_t balloon_bytes; /* what the guest has left, by its balloon; 0: all */
	uint64_t balloon_ns;    /* how long it took to get there */
};

/* On failure nothing is left. */
int vm_boot(const struct machine_config *config, struct vm_boot *ret, struct tare_err *err);

/* Its steps, for other ways to run a guest. What it boots from, and what its boxes have as their
 * root; let go of them. */
int vm_boot_find_images(const struct machine_config *config, bool uml, struct vm_boot *b,
			struct tare_err *err);
void vm_boot_release_images(struct vm_boot *b);
/* The guest that its settings and images make. */
void vm_boot_plan(const struct machine_config *config, const struct vm_boot *b,
		  const char *qemu_path, struct guest_plan *ret);
/* Tell the agent what is on the root disk, and have it mounted. On failure the guest is closed. */
int vm_boot_hand_over_root(struct vm_boot *b, struct tare_err *err);

/* Have the agent bring its side of the network up. On failure the guest is closed. */
int vm_boot_hand_over_network(struct vm_boot *b, struct tare_err *err);

/* As guest_close(). */
int vm_boot_close(struct vm_boot *boot, uint64_t deadline_ns, struct tare_err *err);
