/* SPDX-License-Identifier: MIT */
#pragma once
/* qemu_threads: where QEMU's threads run. */

#include <jansson.h>
#include <stdint.h>

struct qemu;
struct tare_err;

/* Each vCPU thread on a CPU of the mask of its own where there are as many, else on all of it; all
 * other threads off it where there are other CPUs. *ret_pinning: {"vcpus": ["0", ...], "others":
 * "1-3", "why": where something is not as it should be}. cpus 0: leave all, and *ret_pinning. */
int qemu_threads_place(struct qemu *qemu, uint64_t cpus, uint64_t deadline_ns, json_t **ret_pinning,
		       struct tare_err *err);
