/* SPDX-License-Identifier: MIT */
#pragma once
/* newfile: a file that the user asked for is there whole, or is what it was before.
 *
 * What is written goes into a file beside it, which takes its place when all of it is on the disk.
 * A link stays a link, to the new file. What is no regular file (/dev/stdout, a pipe) is written
 * to as it is. */

#include <jansson.h>
#include <stdio.h>

struct tare_err;

struct newfile {
	FILE *file;   /* to write to */
	char *path;   /* what it will be */
	char *beside; /* what it is so far; NULL: nothing takes the place of anything */
};

/* Could it be written? To be asked before an hour of work whose fruit it is; changes nothing. */
int newfile_check(const char *path, struct tare_err *err);
int newfile_open(const char *path, struct newfile *ret, struct tare_err *err);
/* All has been written. On failure what was there before is untouched. */
int newfile_commit(struct newfile *file, struct tare_err *err);
/* All of it at once; flags as of json_dumpf(3). */
int newfile_write_json(const char *path, const json_t *document, size_t flags,
		       struct tare_err *err);
/* Give it up, unless it has been committed. */
void newfile_drop(struct newfile *file);

#define cleanup_newfile __attribute__((cleanup(newfile_drop)))
