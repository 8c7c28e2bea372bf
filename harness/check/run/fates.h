/* SPDX-License-Identifier: MIT */
#pragma once
/* fates: who needs less than a limit of memory lives, who needs more is killed.
 *
 * The dead tell nothing: what they reached is asked by two sizes around the limit instead. */

#include <stdbool.h>

struct tare_err;
struct check_run;
struct check_figure;

struct check_fates {
	const char *limits, *given, *safety; /* as in struct check_load */
	int limit_mib, below_mib, above_mib;
	/* A file of version 2 whose "max" counts how often the limit of swap was met: who dies
	 * below it while that is 0 was killed for another reason. NULL: there is none. */
	const char *events;
};

/* The figure: how many of the two met the wrong fate. */
int check_fates_measure(struct check_run *run, const struct check_fates *fates, bool limited,
			struct check_figure *ret, struct tare_err *err);
