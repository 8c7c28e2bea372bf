/* SPDX-License-Identifier: MIT */
#pragma once
/* pair: two players that took turns become one log ratio.
 *
 * Slices are paired by the pass they were played in: what the machine did meanwhile hit both
 * and cancels. The median over the passes of a round is that round's one figure. */

#include <stddef.h>
#include <stdint.h>

struct tare_err;

/* The slices of one player in one round. */
struct pair_slices {
	const uint64_t *pass;
	const double *value; /* ns per operation; > 0 */
	size_t n;
};

/* The median over the passes that both played of log(a / b), and how many these were (may be
 * NULL). -ENODATA: no pass in common. -EINVAL: a pass twice, or a value that is not above 0. */
int pair_log_ratio(const struct pair_slices *a, const struct pair_slices *b, double *ret,
		   size_t *ret_pairs, struct tare_err *err);
/* The median over those passes of a - b. */
int pair_difference(const struct pair_slices *a, const struct pair_slices *b, double *ret,
		    struct tare_err *err);
