/* SPDX-License-Identifier: MIT */
/* Collectors: their own probes, which load a program or open an event, and what explains a no. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "collector.h"
#include "perf/survey.h"

#define BTF      "/sys/kernel/btf/vmlinux"
#define LOCKDOWN "/sys/kernel/security/lockdown"
#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

extern const struct collector_ops collector_ops_counters;

static void probe_collector(struct doctor *doctor, const char *name, const char *advice)
{
	const struct collector_ops *ops;
	struct tare_err why = {0};
	const char *argument;

	if (collector_find(name, &ops, &argument, &why) < 0 || (ops->probe && ops->probe(&why) < 0))
		doctor_say(doctor, DOCTOR_BLOCKED, name, advice, "%s", why.msg);
	else
		doctor_say(doctor, DOCTOR_OK, name, NULL, "its probe succeeds here");
}

/* Each reason once, with all figures that are missing for it. */
static void say_missing(struct doctor *doctor, const char *collector, json_t *figures)
{
	const char *figure, *other;
	const json_t *why, *its;

	json_object_foreach(figures, figure, why)
	{
		char names[320] = "";
		bool said = false;

		json_object_foreach(figures, other, its)
		{
			size_t used = strlen(names);

			if (!json_equal(why, its))
				continue;
			said |= used == 0 && other != figure;
			(void)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
				       other);
		}
		if (!said)
			doctor_say(doctor, DOCTOR_DEGRADED, collector, NULL, "without %s: %s",
				   names, json_string_value(why));
	}
}

/* counters has a section of its own. */
static void probe_figures(struct doctor *doctor)
{
	for (const struct collector_ops *const *c = collector_ops_table; *c; c++) {
		cleanup_json json_t *figures = json_object();
		struct tare_err err = {0};

		if (!(*c)->missing || *c == &collector_ops_counters)
			continue;
		if ((*c)->missing(figures, &err) < 0)
			doctor_say(doctor, DOCTOR_DEGRADED, (*c)->name, NULL, "%s", err.msg);
		else if (json_object_size(figures) == 0)
			doctor_say(doctor, DOCTOR_OK, (*c)->name, NULL,
				   "all its figures are to be had");
		else
			say_missing(doctor, (*c)->name, figures);
	}
}

/* Those of the events that all processors know by the same name: which are to be had, and why
 * the others are not. What the kernel opens and counts is believed, and no name in /sys. */
static void say_events(struct doctor *doctor, bool *ret_cycles)
{
	cleanup_json json_t *missing = json_object();
	struct tare_err err = {0};
	char names[256] = "";

	if (survey_events(missing, &err) < 0) {
		doctor_say(doctor, DOCTOR_DEGRADED, "events", NULL, "%s", err.msg);
		return;
	}
	for (const char *const *name = survey_names; *name; name++) {
		size_t used = strlen(names);

		if (!json_object_get(missing, *name))
			(void)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
				       *name);
	}
	*ret_cycles = !json_object_get(missing, "cycles");
	if (names[0])
		doctor_say(doctor, DOCTOR_OK, "events", NULL, "counted here: %s", names);
	say_missing(doctor, "events", missing);
}

void doctor_ebpf(struct doctor *doctor)
{
	char lockdown[128] = "";
	struct stat st;
	bool btf = stat(BTF, &st) == 0 && st.st_size > 0;

	if (!btf)
		doctor_say(doctor, DOCTOR_BLOCKED, "btf",
			   "boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's are",
			   "the kernel does not describe its types: there is no " BTF);
	else
		doctor_say(doctor, DOCTOR_OK, "btf", NULL, "the kernel describes its types");
	probe_collector(doctor, "syscalls", doctor->root ? NULL : "sudo tare doctor ebpf");
	probe_collector(doctor, "sched", doctor->root ? NULL : "sudo tare doctor ebpf");
	probe_figures(doctor);
	if (fd_read_file_quiet(AT_FDCWD, LOCKDOWN, lockdown, sizeof(lockdown)) > 0 &&
	    strstr(lockdown, "[confidentiality]"))
		doctor_say(doctor, DOCTOR_BLOCKED, "lockdown",
			   "boot without lockdown=confidentiality",
			   "in this mode no program may read the kernel's memory");
}

void doctor_perf(struct doctor *doctor)
{
	char paranoid[32] = "";
	bool cycles = false;

	probe_collector(doctor, "counters", doctor->root ? NULL : "sudo tare doctor perf");
	say_events(doctor, &cycles);
	if (cycles)
		doctor_say(doctor, DOCTOR_OK, "hardware", NULL, "the CPU's counters count");
	else if (doctor->root)
		doctor_say(doctor, DOCTOR_DEGRADED, "hardware",
			   "ask the hypervisor for a virtual PMU, or use bare metal",
			   "no counters of the CPU: software events only");
	if (fd_read_file_quiet(AT_FDCWD, PARANOID, paranoid, sizeof(paranoid)) > 0) {
		paranoid[strcspn(paranoid, "\n")] = '\0';
		doctor_say(doctor, doctor->root || paranoid[0] == '-' ? DOCTOR_OK : DOCTOR_DEGRADED,
			   "rights", doctor->root ? NULL : "sudo tare doctor perf",
			   "perf_event_paranoid is %s, and we are%s root", paranoid,
			   doctor->root ? "" : " not");
	}
}
