/* SPDX-License-Identifier: MIT */
#pragma once
/* random: all that is drawn in a run, as a pure function of its seed and of what is drawn, so
 * that a resumed run is the same run. No stream is shared between purposes. */

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* The source for one purpose: "players" of load "getppid" in round 3 of group "turns". */
struct random random_for(uint64_t seed, const char *group, uint64_t round, const char *load,
			 const char *purpose);
/* One that nobody has chosen, short enough to be typed again. */
uint64_t random_seed(void);
uint64_t random_next(struct random *random);
/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* order[0..n) becomes a random permutation of 0..n-1. */
void random_permute(struct random *random, size_t *order, size_t n);
