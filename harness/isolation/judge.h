/* SPDX-License-Identifier: MIT */
#pragma once
/* judge: which probes may be attempted where, and what is to be thought of the answers. */

#include <jansson.h>
#include <stdbool.h>

#include "engine/args.h"
#include "isolation/bait.h"
#include "isolation/isolation.h"

struct isolation {
	const struct isolation_plan *plan;
	struct bait bait;
	json_t *probes;  /* as isolation_list() */
	json_t *asked;   /* list of names */
	json_t *outside; /* what a plain child of ours sees */
};

bool judge_is_attack(const struct isolation *i, const char *name);
bool judge_box_isolates(const struct env_choice *env);

/* By construction: on the host, what would change the machine is only attempted inside of a box
 * that holds it back. */
bool judge_may_attempt(const struct isolation *i, const struct env_choice *env, bool guest,
		       const char *name);
/* Of those that were asked for. */
json_t *judge_choose(const struct isolation *i, const struct env_choice *env, bool guest);

/* answer NULL: "unknown". */
const char *judge_verdict(const struct isolation *i, const char *name, const json_t *answer);
/* The results of an environment, one a probe that was asked for. */
json_t *judge_all(const struct isolation *i, const struct env_choice *env, bool guest,
		  const json_t *answers);
