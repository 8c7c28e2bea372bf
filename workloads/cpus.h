/* SPDX-License-Identifier: MIT */
#pragma once
/* cpus: where a load and who helps it run. */

#include <stdbool.h>

struct tare_err;

/* Stay on the CPU where we are. needs_other: whether a helper will want another one, which is
 * -ENOTSUP where there is none. Gives back the CPU's number. */
int cpus_stay(bool needs_other, struct tare_err *err);

/* The calling thread goes to any other CPU that the cpuset allows; -1: there is none. */
int cpus_leave(int own);
