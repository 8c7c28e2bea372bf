/* SPDX-License-Identifier: MIT */
#pragma once
/* describe: what loads there are, as JSON on stdout. */

#include "workload.h"

/* All loads, with the values that their parameters have when none are given. */
int describe_all(void);
/* One load, its system calls being those with the given values. */
int describe_one(const struct workload *load, const char *const *values);
