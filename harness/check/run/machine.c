/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "check/check.h"
#include "check/run/run.h"
#include "kernel/cpu_times.h"

/* Beside less of others' use a group could have had all that it may. */
#define OTHERS_LEAST      0.05
/* A second's worth of others' disk traffic that a slow limit need not make up for. */
#define OTHERS_DISK_LEAST (1024.0 * 1024)

/* /proc/vmstat counts in KiB (submit_bio, block/blk-core.c). */
static double disk_bytes(void)
{
	uint64_t in = 0, out = 0;

	(void)cgfile_read_key(AT_FDCWD, "/proc/vmstat", "pgpgin", &in, NULL);
	(void)cgfile_read_key(AT_FDCWD, "/proc/vmstat", "pgpgout", &out, NULL);
	return 1024.0 * ((double)in + (double)out);
}

void check_machine_read(struct check_machine *ret)
{
	struct cpu_times times = {0};

	*ret = (struct check_machine){.at_ns = clock_now_ns(), .disk_bytes = disk_bytes()};
	(void)cpu_times_read(CPU_TIMES_ALL, &times);
	ret->busy_s = (double)times.busy_us / 1e6;
	ret->steal_s = (double)times.steal_us / 1e6;
}

double check_others(const struct check_machine *before, const struct check_machine *after,
		    uint64_t own_cpu_ns)
{
	double s = (double)(after->at_ns - before->at_ns) / 1e9;
	double used_s = after->busy_s + after->steal_s - before->busy_s - before->steal_s;
	double others_s = used_s - (double)own_cpu_ns / 1e9;

	return s > 0 && others_s > 0 ? others_s / s : 0;
}

void check_disturbed(const struct check_machine *before, const struct check_machine *after,
		     uint64_t own_cpu_ns, struct check_figure *figure)
{
	double others = check_others(before, after, own_cpu_ns);

	if (others >= OTHERS_LEAST)
		(void)snprintf(figure->disturbed, sizeof(figure->disturbed),
			       "others had %.2f CPUs meanwhile (%.2f s stolen by the hypervisor)",
			       others, after->steal_s - before->steal_s);
}

void check_disturbed_io(const struct check_machine *before, const struct check_machine *after,
			uint64_t own_cpu_ns, double own_disk_bytes, struct check_figure *figure)
{
	double s = (double)(after->at_ns - before->at_ns) / 1e9;
	double others = after->disk_bytes - before->disk_bytes - own_disk_bytes;

	check_disturbed(before, after, own_cpu_ns, figure);
	if (!figure->disturbed[0] && others >= OTHERS_DISK_LEAST * s)
		(void)snprintf(figure->disturbed, sizeof(figure->disturbed),
			       "others moved %.1f MiB a second to or from disks meanwhile",
			       others / s / (1 << 20));
}
