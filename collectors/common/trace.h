/* SPDX-License-Identifier: MIT */
#pragma once
/* trace: what a collector that reads files adds by BPF programs, in trials that name it.
 *
 * Each target has programs of its own: what they are attached to is rare (a timer, a disk's
 * request, a stall for memory), and another group's events are turned away at the first comparison.
 */

#include <jansson.h>

#include "collector.h"

struct trace_ops {
	/* group: NULL only to see what can be had. What cannot be had is named in unsupported,
	 * {FIGURE: why}, and *ret is NULL when nothing is left. -ENOMEM. */
	int (*open)(const struct cgroup *group, json_t *unsupported, void **ret,
		    struct tare_err *err);
	int (*snapshot)(void *trace, enum collector_moment moment, struct tare_err *err);
	int (*sample)(void *trace, struct tare_err *err); /* may be NULL */
	/* Add what was seen to the collector's object, and to its losses. */
	int (*read)(void *trace, json_t *object, json_t *lost, struct tare_err *err);
	void (*close)(void *trace); /* NULL is fine */
};

/* collector_ops.missing by such programs: they are loaded for a moment. */
int trace_missing(const struct trace_ops *ops, json_t *figures, struct tare_err *err);

/* The id that BPF programs see of the group in the hierarchy of a controller. -ENOTSUP: the group
 * has none. */
int trace_group_id(const struct cgroup *group, enum cgroup_controller controller, uint64_t *ret,
		   struct tare_err *err);
