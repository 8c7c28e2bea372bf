/* SPDX-License-Identifier: MIT */
#pragma once
/* payload: what a command that is run in an environment is given there: its variables, and the
 * trial that it is for the machine. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/args.h"
#include "trial/trial.h"

struct tare_err;
struct machine;
struct places;

/* Natively a command has our variables and those given; inside of anything only a few, as nothing
 * else of the host's is meant for it, and where an image has its own, none of these either. Freed
 * by the caller; the texts are not. NULL: no memory. */
char **payload_variables(char *const *given, size_t n_given, bool native, bool image);

/* The image that a box is asked to have as its root; NULL: none. */
const char *payload_image(const struct env_choice *env);

/* extras: as of struct trial_spec. trial_spec_clear() is for the caller, of a failure too. */
int payload_spec(const struct env_choice *env, const struct limits *limits, json_t *extras,
		 struct trial_spec *ret, struct tare_err *err);

/* The machine for it, of which a guest may be one that was saved before: a command wants it soon,
 * and where a boot is what is measured, it is that of such a command. number: of the machines that
 * the caller has made so far; limits: on the machine as a whole, or NULL. */
int payload_open(struct places *places, const struct env_choice *env, unsigned int number,
		 const struct limits *limits, struct machine **ret, struct tare_err *err);
