/* SPDX-License-Identifier: MIT */
#pragma once
/* contest: two loads that play at the same time and want the same, again and again; the figure is
 * how much more the second gets. */

#include <stdint.h>

#include "check/run/run.h"

struct check_contest {
	double (*log_ratio)(const struct check_turn turns[2]); /* the second's to the first's */
	uint64_t duration_ns;
	unsigned int n; /* turns */
	/* What does not reach this, and is nearer to it than to 1, may be others' doing: then the
	 * figure says who else used CPUs, or that both did not want all that there was. */
	double least;
	double full_ops; /* operations per second that there were for both; 0: not known */
};

/* The figure's value and interval, and "ratios" in its details, which may exist. */
int check_contest_play(struct check_player *players[2], const struct check_contest *contest,
		       struct check_figure *ret, struct tare_err *err);
