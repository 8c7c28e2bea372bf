/* SPDX-License-Identifier: MIT */
#pragma once
/* data: what a lab has measured, as files below a submission's folder:
 *   data/run/           a run of the engine: manifest.json, records.jsonl
 *   data/density.json   as of `tare density`
 *   data/isolation.json as of `tare isolation`
 *   data/checks.json    as of `tare validate`
 *   data/seen.json      what was read off otherwise
 * They come from students, so that sizes, types of files and depths are bounded. */

#include <jansson.h>
#include <stdbool.h>

#include "base/digest.h"
#include "report/run.h"
#include "stats/location.h"

struct tare_err;
struct lab_findings;

#define LAB_DATA_DIR "data"

struct lab_data {
	const char *dir; /* the submission's */
	struct run *run; /* each NULL: there is none */
	json_t *summary; /* made of the run, not read */
	json_t *density, *isolation, *checks, *seen;
};

/* Read what is there. -EBADMSG, -EFBIG and a sentence. */
int lab_data_read(const char *dir, struct lab_data *ret, struct tare_err *err);
void lab_data_clear(struct lab_data *data);

/* [{"path", "bytes", "sha256"}] of the files above that are there, and a digest over all of it. */
int lab_data_digests(const char *dir, json_t **ret, char ret_all[DIGEST_SIZE],
		     struct tare_err *err);

/* A ratio of the run's summary as a figure; nothing where there is none. */
void lab_add_ratio(const struct lab_data *data, struct lab_findings *findings, const char *env,
		   const char *load, const char *name, const char *what);
/* The trials of the run into the findings' done and planned. */
void lab_count_trials(const struct lab_data *data, struct lab_findings *findings);
/* From asking for an environment to its load being ready: the log ratio of a's to b's in each
 * round. Both on one kernel. -ENODATA: no round has both. */
int lab_start_ratio(const struct lab_data *data, const char *a, const char *b, struct location *ret,
		    struct tare_err *err);
/* Of the boxes of an environment in density.json; NULL: none was put up. */
const json_t *lab_density_cell(const struct lab_data *data, const char *env);
/* An environment of isolation.json; NULL: it could not be looked at. */
const json_t *lab_isolation_env(const struct lab_data *data, const char *label);
/* The verdict of a probe there; "" for none. */
const char *lab_isolation_verdict(const json_t *env, const char *probe);
/* A result of checks.json; NULL. */
const json_t *lab_check_result(const struct lab_data *data, const char *check);
