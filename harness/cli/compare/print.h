/* SPDX-License-Identifier: MIT */
#pragma once
/* print: a comparison of two runs, for people, on stdout. */

#include <jansson.h>
#include <stdbool.h>

struct tare_err;

/* verbose: the lists of what differs, and of what is not in both, in full. */
int compare_print(const json_t *comparison, bool verbose, struct tare_err *err);
