/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds: plays rounds until there are as many that count as were asked for, and notes of each
 * what disturbed it. What the machine above us took away too much of is played again. */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;
struct env_list;

/* What the user says of them. */
struct rounds_asked {
	uint64_t rounds, warmup, seed, time_budget_ns;
	double effect; /* 0.01: one percent */
};

struct round {
	json_t *validity;
	bool complete;
};

struct rounds {
	uint64_t asked;       /* how many that count */
	uint64_t deadline_ns; /* none begins that would end later; 0: never */
	int cpu;              /* whose stolen time is looked at */
	struct round *items;
	size_t n;
	const char *end; /* "complete", "interrupted", "time budget", "steal" */
	uint64_t longest_ns;
};

/* None played yet; the time budget begins now. */
struct rounds rounds_begin(const struct rounds_asked *asked);
/* Notes what -EINTR and -ETIME end it by, and makes 0 of them: they are no failure. */
int rounds_ended(struct rounds *rounds, int r);
/* play: -EINTR and -ETIME end it and are no failure; the round is not complete. */
int rounds_play(struct rounds *rounds,
		int (*play)(void *context, size_t round, struct tare_err *err), void *context,
		struct tare_err *err);
/* False: a figure of this round counts for nothing. */
bool rounds_count(const struct rounds *rounds, size_t round);
size_t rounds_n_that_count(const struct rounds *rounds);
/* Of a document "envs", "seed", "warmup", "rounds_asked", "time_budget_ns", "effect_pct", "end" and
 * "rounds": [{"round", "complete", "counts", "validity"}]. */
void rounds_put(json_t *document, const struct env_list *envs, const struct rounds_asked *asked,
		const struct rounds *rounds);
void rounds_clear(struct rounds *rounds);
