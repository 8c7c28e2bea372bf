/* SPDX-License-Identifier: MIT */
#pragma once
/* tally: the events of a list, opened and read, those of a group together. What cannot be opened
 * says so, and leaves the rest of its group to count on. */

#include <stdbool.h>
#include <stdint.h>

#include "perf/encode.h"
#include "perf/list.h"
#include "perf/open.h"

struct tare_err;

#define TALLY_CPUS 64

/* perf_event_open(2): while it is enabled it may have to wait for a counter; then it is not
 * running. */
struct tally_reading {
	uint64_t value, enabled_ns, running_ns;
};

struct tally_event {
	struct encoded_event encoded;
	bool counts;         /* it is open */
	char why[200];       /* it is not: why */
	const char *code;    /* it is not: the name of the kernel's errno, NULL: it was not asked */
	char suspect[200];   /* it is, but cannot be believed: why, else "" */
	int fds[TALLY_CPUS]; /* inherit mode: the first alone */
	uint64_t ids[TALLY_CPUS]; /* how a group's reading names it */
	struct tally_reading readings[2][TALLY_CPUS];
};

struct tally {
	struct event_list list;
	size_t n_places; /* CPUs; 1 in inherit mode */
	int cpus[TALLY_CPUS];
	struct tally_event events[LIST_EVENTS];
};

/* Look the names up and test those that open here on ourselves. tally->list is filled in. */
void tally_encode(struct tally *tally);
/* who: as of struct open_place; tally->cpus and n_places are filled in. */
void tally_open(struct tally *tally, enum open_mode mode, int who);
/* which: 0 or 1. */
int tally_read(struct tally *tally, int which, struct tare_err *err);
void tally_close(struct tally *tally);

/* What was added between the two readings, over all places. */
struct tally_sum {
	struct tally_reading sum;
	double scaled; /* had it had a counter all the time */
	uint64_t enabled_ever_ns;
};
struct tally_sum tally_difference(const struct tally *tally, size_t event);
