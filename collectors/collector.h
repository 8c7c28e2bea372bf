/* SPDX-License-Identifier: MIT */
#pragma once
/* collector: watches one trial from the kernel that executes it, and says what it lost.
 *
 * A file collectors/NAME.c defines `const struct collector_ops collector_ops_NAME`; with a
 * NAME.bpf.c beside it, the build makes NAME.skel.h. A collector knows nothing of
 * environments. Life: probe, attach, born, snapshot(BEGIN) when the player is ready, sample() at
 * each interval, snapshot(END) after its last slice, read, detach. Counts are differences
 * between the two snapshots. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/cgroup.h"

struct tare_err;
struct collector;

struct collector_target {
	const struct cgroup *cgroup; /* the trial's group */
	uint64_t cpus;               /* where it may run: mask */
	pid_t guest; /* the process that runs the guest; 0: there is none, or this is in it */
	const char *argument; /* "counters=cycles+instructions" -> the text after '='; or NULL */
	/* The trial asked for it by name, and so is an observed one: a collector that is always on
	 * may trace as well. */
	bool named;
};

enum collector_moment { COLLECTOR_BEGIN, COLLECTOR_END };

struct collector_ops {
	const char *name, *summary;
	/* True: it taxes what it watches, so it works only in observed trials, never in those that
	 * give the central figure. False: it reads files at the two snapshots and is always on;
	 * what it has to trace for, it adds where it is named. */
	bool traces;
	/* It may do without a group, and says itself where its argument wants one: others are not
	 * attached where there is none. */
	bool groupless;
	/* It watches a guest from the kernel that runs it: `guest` is its target, a group it needs
	 * none, and what it sees is of all that the guest does meanwhile. */
	bool of_guest;
	/* The controllers whose files it reads; the group is made with those that are to be had. */
	unsigned int controllers;
	int (*probe)(struct tare_err *err); /* 0, or -ENOTSUP and the reason in one sentence */
	/* Figures that it cannot give on this system although it works: {NAME: why}. NULL: none. */
	int (*missing)(json_t *figures, struct tare_err *err);
	/* What is wrong with an argument, before anything is begun. NULL: it takes none. */
	int (*check)(const char *argument, struct tare_err *err);
	/* Before the player starts: the group exists, and is empty. */
	int (*attach)(const struct collector_target *target, struct collector **ret,
		      struct tare_err *err);
	/* The player is there as a process, and has not executed its program: what it becomes can
	 * be followed from here on. What fails is for read() to tell. May be NULL. */
	void (*born)(struct collector *collector, pid_t pid);
	int (*snapshot)(struct collector *collector, enum collector_moment moment,
			struct tare_err *err);
	/* One point of a time series, in trials that ask for one. May be NULL. */
	int (*sample)(struct collector *collector, uint64_t now_ns, struct tare_err *err);
	/* What was seen, as this collector's object in the record; "lost": {...} holds its losses
	 * by kind, all zero when nothing was lost; "unsupported": {FIGURE: why} what could not be
	 * had; "series": {"t_ns": [...], ...} its time series, t_ns counted from the first
	 * snapshot. */
	int (*read)(struct collector *collector, json_t **ret, struct tare_err *err);
	void (*detach)(struct collector *collector); /* NULL is fine */
};

struct collector {
	const struct collector_ops *ops;
};

extern const struct collector_ops *const collector_ops_table[]; /* NULL-terminated, by name */

/* -ENOENT with "did you mean". name may have an argument: "counters=page-faults", which is not
 * looked at. */
int collector_find(const char *name, const struct collector_ops **ret, const char **ret_argument,
		   struct tare_err *err);
/* The same, and the argument is one that the collector takes. */
int collector_check(const char *name, const struct collector_ops **ret, struct tare_err *err);
