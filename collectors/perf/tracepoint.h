/* SPDX-License-Identifier: MIT */
#pragma once
/* tracepoint: the kernel's number of a tracepoint. */

#include <stdint.h>

struct tare_err;

/* name: "sched/sched_switch". -ENOENT: there is none of that name. -ENOTSUP: which there are
 * cannot be seen here. */
int tracepoint_id(const char *name, uint64_t *ret, struct tare_err *err);
