/* SPDX-License-Identifier: MIT */
#pragma once
/* levels: rounds within instances, and at which of both more repetition would help.
 *
 * Rounds of one instance (one boot of a guest) share what that boot drew: layout of its memory,
 * what else the host did just then. They are no independent sample, so each instance gives one
 * figure, Hodges and Lehmann's of its rounds, and the interval is over instances. Where every
 * round is an instance of its own, instances and rounds are the same sample.
 *
 * The variances are those of the one-way random-effects model x = m + instance + round, by the
 * analysis of variance (Searle, Casella and McCulloch, Variance Components, 1992, chapter 3.6,
 * for unequal numbers of rounds). How many rounds an instance is worth follows from them and
 * from what both cost, as in Kalibera and Jones (ISMM 2013). */

#include <stddef.h>
#include <stdint.h>

#include "stats/location.h"

struct tare_err;

struct levels {
	struct location location; /* over instances: n is their number */
	size_t rounds;
	size_t rounds_per_instance; /* of the largest instance */
	/* Of one round within its instance, and of one instance. NaN: no instance has two rounds,
	 * or there is one instance only. */
	double round_var, instance_var;
};

/* instance[i]: that of round i; rounds of one instance follow each other. NULL: each round is
 * one. x holds no NaN. -ENOMEM. */
int levels_of(const double *x, const uint64_t *instance, size_t n, struct levels *ret,
	      struct tare_err *err);

enum levels_where { LEVELS_UNKNOWN, LEVELS_ENOUGH, LEVELS_ROUNDS, LEVELS_INSTANCES };

/* What a level costs in seconds; 0: not known, then rounds and instances count alike. */
struct levels_cost {
	double round_s;    /* one more round */
	double instance_s; /* what a round costs more that begins an instance */
};

/* What would make the interval at most 2 * half wide, all that is there already included. */
struct levels_more {
	enum levels_where where;
	size_t instances, rounds_per_instance;
	size_t rounds; /* instances * rounds_per_instance */
	double time_s; /* of all of these rounds; NaN: not known */
};

void levels_more(const struct levels *levels, double half, const struct levels_cost *cost,
		 struct levels_more *ret);
/* "rounds", "instances", "enough" or "unknown". */
const char *levels_where_name(enum levels_where where);
