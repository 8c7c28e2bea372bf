/* SPDX-License-Identifier: MIT */
#pragma once
/* cpu_speed: how fast a CPU runs, and how often heat has slowed it down, where the kernel knows. */

#include <stdbool.h>
#include <stdint.h>

struct cpu_speed {
	bool knows_khz, knows_throttled;
	uint64_t khz;       /* at this moment */
	uint64_t throttled; /* times, of its core, since the kernel was booted */
};

/* cpu_fd: the folder /sys/devices/system/cpu/cpuN, so that a test can pass a made one. */
void cpu_speed_read(int cpu_fd, struct cpu_speed *ret);
