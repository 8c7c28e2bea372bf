/* SPDX-License-Identifier: MIT */
#pragma once
/* grade: any number of students' folders, judged again from their data and merged.
 *
 * All of it is hostile input. What a submission says of its figures and points is not believed:
 * they are made again of the data; where they differ, that is said. A flag is a matter for a
 * person: who is root can make data of their own, and only what was done carelessly shows. */

#include <jansson.h>
#include <stdbool.h>

struct table;
struct tare_err;

#define GRADE_SCHEMA "tare.grades/1"

/* dirs: NULL-ended; each a submission's folder or one of such, two levels deep. load_path: of the
 * tare-load that graders expect, where students have the same. *ret: schema tare.grades/1.
 * -ENOENT: a folder that is named is not there, or holds no submission. */
int grade_all(char *const *dirs, const char *load_path, json_t **ret, struct tare_err *err);
/* True: something is flagged. */
bool grade_has_flags(const json_t *grades);

/* The same for people: rows into an empty table. What is flagged has its tone. */
int grade_table(const json_t *grades, struct table *ret, struct tare_err *err);
int grade_write_csv(const json_t *grades, const char *path, struct tare_err *err);
