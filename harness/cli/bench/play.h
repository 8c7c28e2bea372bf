/* SPDX-License-Identifier: MIT */
#pragma once
/* play: carries a plan of `tare bench` out, round by round. */

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/bench/plan.h"
#include "rounds/rounds.h"

struct tare_err;
struct places;

struct bench_run {
	size_t round, position, env, point;
	uint64_t padding;            /* of its environment variables */
	uint64_t wall_ns;            /* from before execve to the end, by its own kernel */
	uint64_t user_us, system_us; /* likewise */
	int status;                  /* as wait(2) gives it */
	char instance[64];           /* whose description is in instances */
};

struct bench_result {
	struct bench_run *runs;
	size_t n_runs;
	struct rounds rounds;
	json_t *instances; /* what each machine said of itself */
	json_t *programs;  /* by cell: SHA-256 of the program that ran there, or null */
	int players_cpu;   /* where everything ran; -1: where --cpuset-cpus says */
};

/* An interrupted bench, and one whose time is over, is no failure. -ECHILD: a command failed.
 * *ret is to be cleared, of a failure too. */
int bench_play(const struct bench_plan *plan, struct places *places,
	       volatile sig_atomic_t *interrupted, struct bench_result *ret, struct tare_err *err);
void bench_result_clear(struct bench_result *result);
