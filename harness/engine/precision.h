/* SPDX-License-Identifier: MIT */
#pragma once
/* precision: are the intervals of all ratios narrow enough to stop? Only sets that took turns
 * have ratios; it is asked after whole instances, so that stopping never looks at half of one. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct precision;

int precision_new(const char *baseline, struct precision **ret, struct tare_err *err);
void precision_free(struct precision *precision); /* NULL is fine */

/* Take the records of one set in. */
int precision_add(struct precision *precision, const json_t *records, struct tare_err *err);

/* Take the sets of a run's earlier sittings in, but for the last one: a crash may have left it
 * incomplete. */
int precision_refill(struct precision *precision, const char *run_dir, struct tare_err *err);
/* This set is there whole: if it is that last one, it is taken in. */
int precision_is_whole(struct precision *precision, const char *group, uint64_t round,
		       const char *set, struct tare_err *err);

struct precision_answer {
	/* There is at least one ratio, each interval is at most +-pct wide around its estimate, and
	 * it was time to look: stop.h. */
	bool reached;
	size_t figures; /* of the ratio that has most: rounds, or instances of several */
	size_t rounds;  /* that about are needed in all; 0: not known */
};

int precision_ask(const struct precision *precision, double pct, struct precision_answer *ret,
		  struct tare_err *err);
