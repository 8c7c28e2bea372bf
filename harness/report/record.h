/* SPDX-License-Identifier: MIT */
#pragma once
/* record: one line of records.jsonl, checked and taken apart. */

#include "report/run.h"

/* What a record says of itself before it becomes a trial of a cell. */
struct record_key {
	const char *group, *env, *load, *mode, *set;
	char params[RUN_NAME_MAX], collectors[RUN_NAME_MAX];
	uint64_t round;
};

/* "NAME=VALUE,..." of an object of texts. */
int record_params_text(json_t *params, char *buf, size_t size, struct tare_err *err);
int record_read_key(const json_t *record, struct record_key *ret, struct tare_err *err);
/* Takes what it needs; the record is not changed. */
int record_read_trial(const json_t *record, struct run_trial *ret, struct tare_err *err);
/* [[bucket, count], ...] */
int record_read_buckets(const json_t *buckets, struct histogram *ret, struct tare_err *err);
