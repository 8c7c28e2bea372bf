/* SPDX-License-Identifier: MIT */
#pragma once
/* groups: what the groups of tare's living runs use and may use, by the kernel's own files. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cgroup.h"

struct tare_err;

enum groups_figure {
	GROUPS_CPU_NS, /* used so far */
	GROUPS_QUOTA_US,
	GROUPS_PERIOD_US,
	GROUPS_PERIODS, /* that have passed with a quota */
	GROUPS_THROTTLED,
	GROUPS_MEMORY, /* bytes */
	GROUPS_MEMORY_MAX,
	GROUPS_PIDS,
	GROUPS_PIDS_MAX,
	GROUPS_READ, /* bytes so far, of all devices */
	GROUPS_WRITTEN,
	GROUPS_FIGURES,
};

#define GROUPS_NONE UINT64_MAX /* not to be had here, or no limit */

struct group_state {
	char run[40], name[96]; /* "tare-RUN-2" */
	char command[64];       /* of the first process in it; "": it is empty */
	uint64_t at_ns;         /* CLOCK_MONOTONIC */
	uint64_t values[GROUPS_FIGURES];
};

struct group_list {
	struct group_state *items;
	size_t n;
};

/* Those that are there now, of one run or (NULL) of all. A group that vanishes meanwhile is not
 * among them. */
int groups_read(const struct cgroup_layout *layout, const char *run, struct group_list *ret,
		struct tare_err *err);
void groups_free(struct group_list *list);

/* What happened between two looks: {"run", "group", "command", "cpus", "cpus_limit",
 * "throttled_share", "memory", "memory_limit", "pids", "pids_limit", "read_bps", "write_bps"};
 * null: not to be had, or no limit. before NULL: it is new, and its rates are not known. */
json_t *group_use(const struct group_state *before, const struct group_state *now);
/* The state of the same group in another list; NULL. */
const struct group_state *groups_find(const struct group_list *list,
				      const struct group_state *like);
