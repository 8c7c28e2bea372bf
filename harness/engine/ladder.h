/* SPDX-License-Identifier: MIT */
#pragma once
/* ladder: the environments from native to the container, one ingredient a step. */

#include "engine/args.h"
#include "kernel/cgroup.h"

struct tare_err;

#define LADDER_LOADS "getppid,openclose,forkexec,fault"
/* What the steps end with; beside the step before it, it is the same box once more. */
#define LADDER_WHOLE "container"

/* Add the steps: native, each cgroup controller that is to be had, each namespace, the root, the
 * user namespace, capabilities, system calls, and the container as it is by default. */
int ladder_add_steps(const struct cgroup_layout *layout, struct env_list *list,
		     struct tare_err *err);
