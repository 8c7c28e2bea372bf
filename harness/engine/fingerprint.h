/* SPDX-License-Identifier: MIT */
#pragma once
/* fingerprint: which machine a run was made on, and what of it bears on timing. */

#include <jansson.h>
#include <stdbool.h>

/* {"hostname", "kernel", "cmdline", "cpu_model", "cpus", "memory_bytes", "clocksource",
 *  "mitigations": {...}, "cgroup_mode", "virt", "governor", "smt", "thp", "aslr", "boot_id"};
 * what this kernel does not tell is null. */
json_t *fingerprint_read(void);

/* True when two fingerprints are of one machine in one state: the same host, kernel, CPUs and
 * memory. It may have been rebooted. */
bool fingerprint_same_machine(const json_t *a, const json_t *b);

/* What tells that they are of two machines, whatever kernel runs there: the host's name, the CPUs
 * or how much memory there is ("hostname", ...). NULL: nothing does. */
const char *fingerprint_other_machine(const json_t *a, const json_t *b);
