/* SPDX-License-Identifier: MIT */
#pragma once
/* qemu_threads: where QEMU's threads run, and how much they ran and waited to run. */

#include <stdbool.h>
#include <stdint.h>

struct qemu;
struct tare_err;

/* Each vCPU thread on a CPU of the mask of its own where there are as many, else on all of it; all
 * other threads off it where there are other CPUs: qemu->pinning {"vcpus": ["0", ...], "others":
 * "1-3", "why": where something is not as it should be}. cpus 0: leave all, and no pinning. The
 * vCPUs' accounts are opened either way. */
int qemu_threads_place(struct qemu *qemu, uint64_t cpus, uint64_t deadline_ns,
		       struct tare_err *err);
/* Close the accounts. */
void qemu_threads_close(struct qemu *qemu);

/* Since QEMU began. */
struct qemu_times {
	uint64_t at_ns;
	uint64_t vcpus_run_ns;  /* on a CPU */
	uint64_t vcpus_wait_ns; /* could have been, and was not: throttled, or the CPU was
				 * another's: what is stolen from the guest */
	uint64_t all_ns;        /* on a CPU: of all threads, those that have ended too */
};

/* False: there are no vCPU threads, or the kernel does not tell. */
bool qemu_threads_times(const struct qemu *qemu, struct qemu_times *ret);
