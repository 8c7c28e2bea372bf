/* SPDX-License-Identifier: MIT */
#pragma once
/* submission: lab.json, what a student hands in beside the data: schema tare.lab/1.
 *
 * It is written twice: when the prediction has been made and nothing has been run, and again with
 * what the data say. `digest` is over all of its other members, `data_sha256` over the data. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct tare_err;
struct lab_ops;
struct lab_data;
struct lab_findings;

#define LAB_FILE        "lab.json"
#define LAB_SCHEMA      "tare.lab/1"
#define LAB_STUDENT_MAX 100 /* bytes */

struct lab_begin {
	const struct lab_ops *lab;
	const char *student, *load_path;
	json_t *prediction; /* its value; taken over */
	bool on_terminal;   /* it was typed as an answer, not given as an option */
	bool quick;
	uint64_t seed;
};

/* UTF-8 without control characters: fit to be shown on a terminal. */
bool lab_is_plain(const char *text);
/* -EINVAL: no name of a student. */
int lab_check_student(const char *name, struct tare_err *err);
int lab_submission_begin(const struct lab_begin *begin, json_t **ret, struct tare_err *err);
/* Judge the data of the folder, and say in the submission what comes of it. missing: as of struct
 * lab_work. */
int lab_submission_finish(json_t *submission, const struct lab_ops *lab, const char *dir,
			  const json_t *missing, struct tare_err *err);
/* As DIR/lab.json, with its digest, whole or not at all. */
int lab_submission_write(json_t *submission, const char *dir, struct tare_err *err);
/* The digest of all members but itself. */
int lab_submission_digest(const json_t *submission, char ret_hex[DIGEST_SIZE],
			  struct tare_err *err);

/* What findings add to a submission: figures, answer, done, planned, verdict. */
json_t *lab_findings_json(const struct lab_ops *lab, const struct lab_findings *findings);
/* [{"id", "what", "points"}]: what is graded, before anything is. */
json_t *lab_rubric_blank(const struct lab_ops *lab);
/* The same with "earned" and "why"; earned null: for a person to say. intact: the data
 * are those that were recorded, "" or why not. */
json_t *lab_rubric(const struct lab_ops *lab, const json_t *submission,
		   const struct lab_findings *findings, const char *not_intact);
/* Sum of the points and of those earned, but for what a person grades. */
json_t *lab_points(const json_t *rubric);
