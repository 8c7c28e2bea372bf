/* SPDX-License-Identifier: MIT */
#pragma once
/* limit_inner: what the files of this module share. */

#include "limit/limit.h"

/* CPU time is given out anew this often: docker's and the kernel's default (sched-bwc.rst). */
#define LIMIT_PERIOD_US 100000

extern const char *const limit_rate_flags[LIMIT_RATES];

/* The entry of that path, made if there is none; NULL: no room. */
struct limit_device *limit_device_for(struct limits *limits, const char *path,
				      struct tare_err *err);

/* "254:0": the whole disk that carries a path: a block device, or any file of a filesystem on
 * one. -ENOTSUP: it is on none, and the sentence says on what. */
int limit_device_number(const char *path, char *ret, size_t size, struct tare_err *err);
