/* SPDX-License-Identifier: MIT */
#include "cli/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

const struct doctor_group doctor_groups[] = {
	{"containers", "boxes on this kernel, and limits", doctor_containers},
	{"vm", "guests", doctor_vm},
	{"uml", "guests by User-Mode Linux", doctor_uml},
	{"ebpf", "collectors that trace", doctor_ebpf},
	{"perf", "the collector counters", doctor_perf},
	{"noise", "what disturbs timing", doctor_noise},
	{"storage", "loads that do I/O", doctor_storage},
	{"tools", "programs that are called", doctor_tools},
	{NULL, NULL, NULL},
};

static const char *const state_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_DEGRADED] = "degraded",
	[DOCTOR_BLOCKED] = "blocked",
};

const char *doctor_state_name(enum doctor_state state)
{
	return state_names[state];
}

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *name,
		const char *advice, const char *finding, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, finding);
	(void)vsnprintf(text, sizeof(text), finding, ap);
	va_end(ap);
	(void)json_array_append_new(doctor->checks,
				    json_pack("{s:s, s:s, s:s, s:s, s:o}", "group", doctor->group,
					      "name", name, "state", state_names[state], "finding",
					      text, "advice",
					      advice ? json_string(advice) : json_null()));
}

enum doctor_state doctor_worst(const struct doctor *doctor, const char *group)
{
	enum doctor_state worst = DOCTOR_OK;
	const json_t *check;
	size_t i;

	json_array_foreach(doctor->checks, i, check)
	{
		const char *state = json_string_or(check, "state", "");

		if (strcmp(json_string_or(check, "group", ""), group) != 0)
			continue;
		if (strcmp(state, "blocked") == 0)
			worst = DOCTOR_BLOCKED;
		else if (strcmp(state, "degraded") == 0 && worst == DOCTOR_OK)
			worst = DOCTOR_DEGRADED;
	}
	return worst;
}
