/* SPDX-License-Identifier: MIT */
#pragma once
/* open: perf_event_open(2) for counting, and what its refusals mean. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "perf/encode.h"

enum open_mode {
	OPEN_CGROUP,  /* who: a descriptor of the v2 group, on one CPU; counts at once */
	OPEN_INHERIT, /* who: a process; with all that it starts; counts from its execve on */
	OPEN_SELF,    /* the calling thread; counts at once */
};

struct open_place {
	enum open_mode mode;
	int who;
	int cpu;    /* -1: all, but for cgroups */
	int leader; /* the group's first event, -1: this one, or it is in none */
	bool group; /* read as a group: {n, enabled, running, n times {value, id}}; else {value,
		     * enabled, running} */
};

/* A descriptor, or -errno. */
int open_event(const struct encoded_event *event, const struct open_place *place);
/* One sentence for what open_event() gave back. */
void open_explain(int r, const struct encoded_event *event, const struct open_place *place,
		  char *buf, size_t size);
