/* SPDX-License-Identifier: MIT */
#include "kernel/cpu_times.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The columns; guest times are in user and nice already. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, N_TIMES };

static uint64_t us_of(uint64_t ticks)
{
	return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool parse(const char *columns, struct cpu_times *ret)
{
	uint64_t t[N_TIMES], all = 0;

	/* NOLINTNEXTLINE(cert-err34-c): a kernel file of numbers */
	if (sscanf(columns,
		   "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &t[USER], &t[NICE], &t[SYSTEM], &t[IDLE], &t[IOWAIT], &t[IRQ], &t[SOFTIRQ],
		   &t[STEAL]) != N_TIMES)
		return false;
	for (int i = 0; i < N_TIMES; i++)
		all += t[i];
	*ret = (struct cpu_times){.busy_us = us_of(all - t[IDLE] - t[IOWAIT] - t[STEAL]),
				  .steal_us = us_of(t[STEAL]),
				  .all_us = us_of(all)};
	return true;
}

bool cpu_times_read(int cpu, struct cpu_times *ret)
{
	cleanup_fclose FILE *stat = fopen("/proc/stat", "re");
	char line[512], name[16] = "cpu ";

	if (cpu != CPU_TIMES_ALL)
		(void)snprintf(name, sizeof(name), "cpu%d ", cpu);
	/* They come first; what follows may be long. */
	while (stat && fgets(line, sizeof(line), stat) && strncmp(line, "cpu", 3) == 0)
		if (strncmp(line, name, strlen(name)) == 0)
			return parse(line + strlen(name), ret);
	return false;
}
