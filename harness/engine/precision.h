/* SPDX-License-Identifier: MIT */
#pragma once
/* precision: are the intervals of all ratios narrow enough to stop? Only sets that took turns
 * have ratios; it is asked after whole rounds, so that stopping never looks at half of one. */

#include <jansson.h>
#include <stdbool.h>

struct tare_err;
struct precision;

int precision_new(const char *baseline, struct precision **ret, struct tare_err *err);
void precision_free(struct precision *precision); /* NULL is fine */

/* Take the records of one set in. */
int precision_add(struct precision *precision, const json_t *records, struct tare_err *err);

/* True when there is at least one ratio, and each interval is at most +-pct wide around its
 * estimate. */
int precision_reached(const struct precision *precision, double pct, bool *ret,
		      struct tare_err *err);
