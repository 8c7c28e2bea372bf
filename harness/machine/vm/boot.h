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
};

/* On failure nothing is left. */
int vm_boot(const struct machine_config *config, struct vm_boot *ret, struct tare_err *err);

/* As guest_close(). */
int vm_boot_close(struct vm_boot *boot, uint64_t deadline_ns, struct tare_err *err);
