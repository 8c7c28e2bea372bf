/* SPDX-License-Identifier: MIT */
#pragma once
/* cpu_times: what the CPUs of this kernel did since it began, /proc/stat (proc(5)), in its ticks.
 */

#include <stdbool.h>
#include <stdint.h>

#define CPU_TIMES_ALL (-1)

struct cpu_times {
	uint64_t busy_us;  /* for processes and interrupts */
	uint64_t steal_us; /* wanted, and taken by the hypervisor below */
	uint64_t all_us;   /* idle time and all the rest included */
};

/* Of one CPU, or of all together. False: there is no such line. */
bool cpu_times_read(int cpu, struct cpu_times *ret);
