/* SPDX-License-Identifier: MIT */
#pragma once
/* print: the results of checks as a table on stdout. */

#include <jansson.h>
#include <stdbool.h>

/* claims: with what each check claims, and the points of a figure that is the worst of several. */
void validate_print(const json_t *results, bool claims);
