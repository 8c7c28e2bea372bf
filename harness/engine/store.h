/* SPDX-License-Identifier: MIT */
#pragma once
/* store: a run's folder: manifest.json, replaced atomically, and records.jsonl, append-only.
 *
 * A set is the trials of one group, round and load. Its records are appended with a single
 * write and synced; where a crash left an incomplete set, a record that says `superseded` takes
 * it back before it is carried out again. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;
struct store;

/* A line of records.jsonl may be this long; a record of 2,000 slices is a tenth of it. */
#define STORE_LINE_MAX (4U << 20)

/* A missing folder is empty. -ENOTEMPTY: there is something in it. */
int store_check_empty(const char *path, struct tare_err *err);
/* Make the folder (it must be new or empty) and an empty records.jsonl.
 * -ENOTEMPTY: there is something in it. */
int store_create(const char *path, struct store **ret, struct tare_err *err);
/* Open a run to go on with it. -EBADMSG: not a run, or broken other than at its end. */
int store_open(const char *path, struct store **ret, struct tare_err *err);
void store_close(struct store *store); /* NULL is fine */

int store_write_manifest(struct store *store, const json_t *manifest, struct tare_err *err);
int store_read_manifest(struct store *store, json_t **ret, struct tare_err *err);

/* Append the records of a set; they get their `schema` and `seq`. A full disk leaves the file as
 * it was before the call. */
int store_append(struct store *store, json_t *records, struct tare_err *err);
uint64_t store_count(const struct store *store);

/* Records there are of a set. set: its load with the parameters. */
size_t store_set_size(const struct store *store, const char *group, uint64_t round,
		      const char *set);

/* Go through the records of a run's folder; stops at the first negative return, and gives it
 * back. A torn last line is left out, and *ret_torn (may be NULL) says so. */
int store_each(const char *path, int (*each)(const json_t *record, size_t line, void *context),
	       void *context, bool *ret_torn, struct tare_err *err);
