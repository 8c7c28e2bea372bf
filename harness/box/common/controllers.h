/* SPDX-License-Identifier: MIT */
#pragma once
/* controllers: which controllers' groups a box has: those it is made of, or the option
 * `controllers=cpu+memory` of the boxes that have it. */

#include <jansson.h>
#include <stdbool.h>

#include "box/box.h"
#include "kernel/cgroup.h"

struct tare_err;

#define CONTROLLERS_OPTION "controllers"
#define CONTROLLERS_VALUES "cpu+memory+..., all or none"
#define CONTROLLERS_ALL                                                                            \
	(CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT) | CGROUP_BIT(CGROUP_MEMORY) |         \
	 CGROUP_BIT(CGROUP_PIDS) | CGROUP_BIT(CGROUP_IO))

/* Bits of CGROUP_BIT. *ret_named: they were named one by one, so that each is a must.
 * -EINVAL: something is none. */
int controllers_choose(const struct box_ops *ops, const json_t *options, unsigned int *ret,
		       bool *ret_named, struct tare_err *err);
/* cgroup=off: no group at all. */
bool controllers_no_group(const struct box_ops *ops, const json_t *options);
