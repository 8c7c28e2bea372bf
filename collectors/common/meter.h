/* SPDX-License-Identifier: MIT */
#pragma once
/* meter: a collector that reads figures from a cgroup's files, made from a table.
 *
 * The same figure has different files and units in cgroup v1 and v2: a table lists each way
 * to get it, and the first one that works on this system is used. */

#include <stdbool.h>
#include <stdint.h>

#include "collector.h"
#include "common/trace.h"

#define METER_UNIFIED (-1) /* instead of a controller: the v2 directory, controllers or none */

enum meter_kind {
	METER_COUNTER, /* the difference between the two snapshots */
	METER_LEVEL,   /* the value at the second one */
	METER_WALL,    /* nanoseconds between the two; needs no file */
};

struct meter_field {
	const char *group; /* the object within the collector's; NULL: the collector's itself */
	const char *name;
	int controller; /* enum cgroup_controller, or METER_UNIFIED */
	int version;    /* 1 or 2: this way is for directories of that version */
	const char *file;
	const char *key;      /* as of statfile_find() */
	uint64_t divide;      /* the file's unit into ours; 0: they are the same */
	enum meter_kind kind; /* counters count from the first snapshot in series too */
	bool series;
};

/* The functions of such a collector; fields ends with name NULL. Where the trial names it, it also
 * traces, and says why it lacks what it lacks. */
int meter_attach(const struct collector_ops *ops, const struct meter_field *fields,
		 const struct trace_ops *trace_ops, const struct collector_target *target,
		 struct collector **ret, struct tare_err *err);
int meter_snapshot(struct collector *collector, enum collector_moment moment, struct tare_err *err);
int meter_sample(struct collector *collector, uint64_t now_ns, struct tare_err *err);
int meter_read(struct collector *collector, json_t **ret, struct tare_err *err);
void meter_detach(struct collector *collector);

/* 0: they need nothing but files, and what is missing is left out. */
int meter_probe(struct tare_err *err);
/* Put {FIGURE: why} for each figure that none of its ways gives in this group. */
int meter_missing(const struct meter_field *fields, const struct cgroup *cgroup, json_t *figures);
