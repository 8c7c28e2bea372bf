/* SPDX-License-Identifier: MIT */
#pragma once
/* limit_inner: what the files of this module share. */

#include "limit/limit.h"

/* A limit that is one number in one file. */
struct limit_number {
	const char *flag; /* its name in JSON too */
	size_t offset;    /* of a uint64_t in struct limits; 0 there: no such limit */
	enum cgroup_controller controller;
	enum { LIMIT_COUNT, LIMIT_SIZE } kind;
	uint64_t low, high;
	const char *v1_file, *v2_file; /* NULL: that version has no such thing */
	uint64_t (*to_v2)(uint64_t);   /* where v2 counts otherwise; NULL: as it is */
};
extern const struct limit_number limit_numbers[]; /* ended by flag NULL */

const struct limit_number *limit_number_find(const char *flag);
uint64_t *limit_number_field(struct limits *limits, const struct limit_number *number);
uint64_t limit_number_value(const struct limits *limits, const struct limit_number *number);
int limit_number_parse(const struct limit_number *number, const char *text, struct limits *limits,
		       struct tare_err *err);
/* What the file of that version holds when the limit is on. */
uint64_t limit_number_want(const struct limit_number *number, int version, uint64_t value);

/* CPU time is given out anew this often: docker's and the kernel's default (sched-bwc.rst). */
#define LIMIT_PERIOD_US 100000

/* "nofile=1024:2048" */
int limit_ulimit_parse(struct ulimits *ulimits, const char *text, struct tare_err *err);
/* {"nofile": {"soft": 1024, "hard": 2048}}; -1: unlimited. */
json_t *limit_ulimits_to_json(const struct ulimits *ulimits);
int limit_ulimits_from_json(const json_t *object, struct ulimits *ret, struct tare_err *err);

extern const char *const limit_rate_flags[LIMIT_RATES];

/* The entry of that path, made if there is none; NULL: no room. */
struct limit_device *limit_device_for(struct limits *limits, const char *path,
				      struct tare_err *err);
