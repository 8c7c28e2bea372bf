/* SPDX-License-Identifier: MIT */
#pragma once
/* change: by how much a location differs between two runs, with a 95 % interval.
 *
 * The two runs' own intervals are combined: Zou and Donner's way (Statistics in Medicine 27,
 * 2008: "method of variance estimates recovery"), which adds the squares of how far each
 * reaches towards the other. The change is thereby that of the figures that the runs show, it
 * is as robust as they are, and nothing is assumed to be alike in both: one run may have more
 * rounds, and a noisier day, than the other. There a rank-sum interval, which takes both
 * samples for one shifted shape, misses up to a fifth of the time, and Welch's is as wide as
 * one noisy round makes it: tests/data/change.R. tests/unit/test_coverage.c simulates this one.
 *
 * p has the tails of Student's t with the degrees of freedom of the smaller run (as Welch's test
 * has at the least), and is 5 % where the interval ends at 0. */

#include "stats/location.h"

/* b - a; its n is that of the run with fewer rounds. No interval where either has none. */
void change_of(const struct location *a, const struct location *b, struct location *ret);
