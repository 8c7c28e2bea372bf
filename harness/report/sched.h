/* SPDX-License-Identifier: MIT */
#pragma once
/* sched: what the collector sched saw of a cell, all its trials together. */

#include "report/run.h"

/* In the order of sched_causes: from what a limit does to what a task does by itself. */
#define SCHED_N_CAUSES 5

struct sched {
	size_t trials; /* 0: it watched none that counts */
	uint64_t switches, migrations, lost;
	double off_ns[SCHED_N_CAUSES], off_all_ns;
	struct histogram queue; /* from becoming runnable to running */
};

/* As in the records: "throttled", ... */
extern const char *const sched_causes[SCHED_N_CAUSES];

bool sched_watched(const struct run *run, const struct run_cell *cell);
int sched_merge(const struct run *run, const struct run_cell *cell, struct sched *ret,
		struct tare_err *err);
