/* SPDX-License-Identifier: MIT */
#pragma once
/* group: the control group of a load in a check, and what is around it. */

#include <stdbool.h>

#include "limit/limit.h"

struct tare_err;
struct cgroup;
struct check_run;

#define CHECK_KILL_TIMEOUT_MS 10000

struct check_group {
	struct limits limits;
	bool shared;        /* with all that say so: the run's, with the limits of the first */
	const char *around; /* limits of the run's group around it, as text; NULL: none */
};

/* "flag=value flag=value" into limits; what is set twice is set anew. */
int check_limits_add(const char *text, struct limits *limits, struct tare_err *err);

int check_group_make(struct check_run *run, const struct check_group *group, const char *name,
		     struct cgroup **ret, struct tare_err *err);
/* Kill all in it and remove it. */
int check_group_end(struct cgroup *cgroup, struct tare_err *err);
