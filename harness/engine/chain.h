/* SPDX-License-Identifier: MIT */
#pragma once
/* chain: which rounds share an instance, from the `instance` of their records.
 *
 * Rounds one after the other that share a guest, on either side of a comparison, are one instance.
 * What is made anew for every round, as processes and containers are, makes each round one. */

#include <jansson.h>
#include <stdint.h>

struct chain {
	char last[2][128]; /* guests of the round before; "": none */
	uint64_t number;
};

/* The number of the next round's instance, as levels_of() takes it. a, b: `instance` of the records
 * of both sides; NULL: there is none. */
uint64_t chain_next(struct chain *chain, const json_t *a, const json_t *b);
