/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "check/run/run.h"

/* proc(5), /proc/stat: the times of all CPUs together, in ticks. guest times are in user and
 * nice already. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, N_TIMES };

void check_machine_read(struct check_machine *ret)
{
	double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
	unsigned long long t[N_TIMES] = {0};
	char text[4096];
	FILE *stat = fopen("/proc/stat", "re");

	*ret = (struct check_machine){.at_ns = clock_now_ns()};
	if (!stat)
		return;
	if (fgets(text, sizeof(text), stat) &&
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[USER], &t[NICE],
		   &t[SYSTEM], &t[IDLE], &t[IOWAIT], &t[IRQ], &t[SOFTIRQ], &t[STEAL]) == N_TIMES) {
		ret->busy_s =
			tick_s * (double)(t[USER] + t[NICE] + t[SYSTEM] + t[IRQ] + t[SOFTIRQ]);
		ret->steal_s = tick_s * (double)t[STEAL];
	}
	(void)fclose(stat);
}
