/* SPDX-License-Identifier: MIT */
/* What disturbs timing. Nothing here is changed by tare, and nothing blocks: turns cancel what
 * hits all players alike, and the report says what was found. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "engine/fingerprint.h"

#define STEAL_WAIT_MS 200

/* Fields of the line "cpu " of /proc/stat, proc(5): user, nice, system, idle, iowait, irq,
 * softirq, steal. */
#define STAT_FIELDS 8
#define STAT_STEAL  7

static bool read_stat(unsigned long long ret[STAT_FIELDS])
{
	cleanup_fclose FILE *stat = fopen("/proc/stat", "re");
	char line[512], *at = line + 3;

	if (!stat || !fgets(line, sizeof(line), stat) || strncmp(line, "cpu ", 4) != 0)
		return false;
	for (int i = 0; i < STAT_FIELDS; i++)
		ret[i] = strtoull(at, &at, 10);
	return true;
}

static void check_steal(struct doctor *doctor)
{
	const struct timespec wait = {.tv_nsec = STEAL_WAIT_MS * (long)NS_PER_MS};
	unsigned long long before[STAT_FIELDS], after[STAT_FIELDS], all = 0;
	double steal;

	if (!read_stat(before) || nanosleep(&wait, NULL) != 0 || !read_stat(after))
		return;
	for (int i = 0; i < STAT_FIELDS; i++)
		all += after[i] - before[i];
	steal = all ? 100.0 * (double)(after[STAT_STEAL] - before[STAT_STEAL]) / (double)all : 0;
	doctor_say(doctor, steal > 1 ? DOCTOR_DEGRADED : DOCTOR_OK, "steal",
		   steal > 1 ? "use a machine of your own, or more rounds" : NULL,
		   "%.1f %% of CPU time went to other guests of this host just now", steal);
}

static void check_load(struct doctor *doctor, json_int_t cpus)
{
	char text[128], *end;
	double load;

	if (fd_read_file_quiet(AT_FDCWD, "/proc/loadavg", text, sizeof(text)) < 0)
		return;
	load = strtod(text, &end);
	doctor_say(doctor, load > 0.2 * (double)cpus ? DOCTOR_DEGRADED : DOCTOR_OK, "load",
		   load > 0.2 * (double)cpus ? "stop what else is running" : NULL,
		   "%.2f on %lld CPUs", load, (long long)cpus);
}

static void check_cpu(struct doctor *doctor, const json_t *machine)
{
	const char *governor = json_string_or(machine, "governor", NULL);
	const char *clocksource = json_string_or(machine, "clocksource", "unknown");
	const char *smt = json_string_or(machine, "smt", "");
	bool fast_clock = strcmp(clocksource, "tsc") == 0 || strcmp(clocksource, "kvm-clock") == 0;

	if (!governor)
		doctor_say(doctor, DOCTOR_OK, "governor", NULL,
			   "the kernel does not set the frequency here");
	else if (strcmp(governor, "performance") == 0)
		doctor_say(doctor, DOCTOR_OK, "governor", NULL, "performance");
	else
		doctor_say(doctor, DOCTOR_DEGRADED, "governor",
			   "tare run --hold-still, or cpupower frequency-set -g performance",
			   "%s: the frequency varies", governor);
	doctor_say(doctor, fast_clock ? DOCTOR_OK : DOCTOR_DEGRADED, "clock",
		   fast_clock ? NULL : "use a machine whose TSC is stable",
		   fast_clock ? "%s" : "%s: reading it is a system call", clocksource);
	if (strcmp(smt, "on") == 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "smt",
			   "echo off > /sys/devices/system/cpu/smt/control",
			   "hardware threads share a core");
	else
		doctor_say(doctor, DOCTOR_OK, "smt", NULL, "%s", *smt ? smt : "unknown");
}

static void check_virtual(struct doctor *doctor, const json_t *machine)
{
	const char *virt = json_string_or(machine, "virt", NULL);

	if (virt)
		doctor_say(doctor, DOCTOR_DEGRADED, "virtual",
			   "use bare metal for absolute figures",
			   "this is a guest (%s): 'native' is native to it", virt);
	else
		doctor_say(doctor, DOCTOR_OK, "virtual", NULL, "bare metal");
}

static void check_swap(struct doctor *doctor)
{
	char text[4096] = "";
	bool swap;

	(void)fd_read_file_quiet(AT_FDCWD, "/proc/swaps", text, sizeof(text));
	swap = strchr(text, '/') != NULL;
	doctor_say(doctor, swap ? DOCTOR_DEGRADED : DOCTOR_OK, "swap", swap ? "swapoff -a" : NULL,
		   swap ? "there is swap: memory limits may end in it instead of in a kill"
			: "none");
}

void doctor_noise(struct doctor *doctor)
{
	cleanup_json json_t *machine = fingerprint_read();
	json_int_t cpus = json_integer_value(json_object_get(machine, "cpus"));

	check_cpu(doctor, machine);
	check_virtual(doctor, machine);
	check_steal(doctor);
	check_load(doctor, cpus);
	check_swap(doctor);
	doctor_say(doctor, cpus > 1 ? DOCTOR_OK : DOCTOR_DEGRADED, "cpus", NULL,
		   "%lld, of which players use one at a time", (long long)cpus);
}
