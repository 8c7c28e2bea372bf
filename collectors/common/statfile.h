/* SPDX-License-Identifier: MIT */
#pragma once
/* statfile: figures in kernel files that are opened once and read many times.
 *
 * What is not there is absent, never 0: a group without a controller has no file, and an
 * older kernel has no such key. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;

#define STATFILE_SIZE 16384 /* the longest, memory.stat, is a quarter of that */

/* A descriptor, or -1: there is no such file, or dirfd is -1. */
int statfile_open(int dirfd, const char *name);

/* Read it whole, from its start. buf is ended by a NUL. */
int statfile_read(int fd, const char *name, char *buf, size_t size, struct tare_err *err);

/* Find a figure in such a text; false: it has none.
 *   key NULL               the text is one number ("max": UINT64_MAX)
 *   key "nr_throttled"     the number behind that word at the start of a line
 *   key "some total"       in the line that starts with "some", the number behind "total=" */
bool statfile_find(const char *text, const char *key, uint64_t *ret);
