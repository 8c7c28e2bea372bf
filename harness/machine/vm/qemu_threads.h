/* SPDX-License-Identifier: MIT */
#pragma once
/* qemu_threads: where QEMU's threads run. */

#include <stdint.h>

struct qemu;
struct tare_err;

/* The vCPU threads on the CPUs of the mask, all others off them where there are others.
 * cpus 0: leave all. */
int qemu_threads_place(struct qemu *qemu, uint64_t cpus, uint64_t deadline_ns,
		       struct tare_err *err);
