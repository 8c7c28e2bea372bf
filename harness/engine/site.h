/* SPDX-License-Identifier: MIT */
#pragma once
/* site: where machines are put up outside of a campaign, and one environment there by itself. */

#include <stdbool.h>

#include "trial/trial.h"

struct tare_err;
struct env_choice;
struct journal;
struct machine;

struct site {
	const struct trial_place *place; /* the host's */
	struct journal *journal;
	const char *cache_dir, *libexec_dir;
};

struct site_machine {
	const struct env_choice *env;
	unsigned int number;         /* of the machines that the caller has made so far */
	const struct limits *limits; /* on the machine as a whole; NULL: none */
	/* A guest may be one that was saved before: a command wants it soon, and where a boot is
	 * what is measured, it is that of such a command. */
	bool saved_will_do;
};

/* Closed by its ops. */
int site_open(const struct site *site, const struct site_machine *wanted, struct machine **ret,
	      struct tare_err *err);

/* To run a command in the environment, without limits. trial_spec_clear() is for the caller, of a
 * failure too. */
int site_spec(const struct env_choice *env, struct trial_spec *ret, struct tare_err *err);
