/* SPDX-License-Identifier: MIT */
#include "kernel/cpu_speed.h"

#include <stdlib.h>

#include "base/fd.h"

static bool read_number(int cpu_fd, const char *name, uint64_t *ret)
{
	char text[32], *end;

	if (fd_read_file_quiet(cpu_fd, name, text, sizeof(text)) <= 0)
		return false;
	*ret = strtoull(text, &end, 10);
	return end != text;
}

void cpu_speed_read(int cpu_fd, struct cpu_speed *ret)
{
	*ret = (struct cpu_speed){0};
	if (cpu_fd < 0)
		return;
	ret->knows_khz = read_number(cpu_fd, "cpufreq/scaling_cur_freq", &ret->khz);
	ret->knows_throttled =
		read_number(cpu_fd, "thermal_throttle/core_throttle_count", &ret->throttled);
}
