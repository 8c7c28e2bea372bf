/* SPDX-License-Identifier: MIT */
#pragma once
/* play: the rounds of `tare startup`: in each, every environment is started once by hyperfine and
 * once by ourselves, in random order. */

#include <jansson.h>
#include <signal.h>
#include <stdint.h>

#include "cli/startup/launch.h"
#include "rounds/rounds.h"

struct tare_err;
struct places;

struct startup_plan {
	const struct env_list *envs; /* the first is the baseline */
	struct rounds_asked asked;
};

/* One environment in one round. */
struct startup_run {
	size_t round, env;
	size_t timed_at, seen_at; /* positions in the round */
	struct launch_times times;
	struct launch_spans spans;
};

struct startup_result {
	char hyperfine[64]; /* its version */
	struct rounds rounds;
	struct startup_run *runs; /* envs->n of each round */
	size_t n_runs;
};

/* As bench_play(): *ret is to be cleared, of a failure too. */
int startup_play(const struct startup_plan *plan, struct places *places,
		 volatile sig_atomic_t *interrupted, struct startup_result *ret,
		 struct tare_err *err);
void startup_result_clear(struct startup_result *result);

/* Schema tare.startup/1, see results/README.md. */
int startup_document(const struct startup_plan *plan, const struct startup_result *result,
		     json_t **ret, struct tare_err *err);
/* For people. */
void startup_print(const json_t *document);
