/* SPDX-License-Identifier: MIT */
#pragma once
/* inside: runs `tare-load probe` somewhere and gives back what it said. */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "engine/args.h"
#include "isolation/isolation.h"

struct bait;
struct tare_err;

/* A plain child of ours, in no box; extra: one more "NAME=VALUE", or NULL. */
int inside_nothing(const char *load_path, const struct bait *bait, const json_t *probes,
		   const char *extra, json_t **ret, struct tare_err *err);

struct inside;
/* Open the machine of an environment; each environment run in it must have the same machine. */
int inside_open(const struct isolation_plan *plan, const struct env_choice *env,
		struct inside **ret, struct tare_err *err);
bool inside_is_guest(const struct inside *inside);
/* probes: a list of names; damage: leave to change the machine, which only a guest gets.
 * *ret_uid: who it is outside; (uid_t)-1 where that is not to be told. */
int inside_run(struct inside *inside, const struct env_choice *env, const struct bait *bait,
	       const json_t *probes, json_t **ret, uid_t *ret_uid, struct tare_err *err);
int inside_close(struct inside *inside, struct tare_err *err);
