/* SPDX-License-Identifier: MIT */
#pragma once
/* balloon: memory that a running guest gives back to the host: virtio-balloon, by QMP. */

#include <stdint.h>

struct tare_err;
struct qemu;

/* How much memory the guest has now, what is in the balloon left out. */
int balloon_read(const struct qemu *qemu, uint64_t deadline_ns, uint64_t *ret_bytes,
		 struct tare_err *err);
/* Blow the balloon up until the guest has no more than that, and wait until it says so. -ETIME:
 * it does not, and how far it came. */
int balloon_hold_down(struct qemu *qemu, uint64_t bytes, uint64_t deadline_ns, uint64_t *ret_bytes,
		      struct tare_err *err);
