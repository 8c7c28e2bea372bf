/* SPDX-License-Identifier: MIT */
#pragma once
/* work: what a lab may do to get its data, by the machinery of the other commands. */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "density/density.h"
#include "engine/args.h"
#include "engine/engine.h"
#include "engine/site.h"

struct tare_err;

struct lab_work {
	const char *dir; /* the submission's folder */
	bool quick;      /* for trying out: fewer rounds, and no guests */
	uint64_t seed;
	const char *image; /* that was asked for; NULL: none was */
	struct site site;
	const volatile sig_atomic_t *interrupted;
	void (*progress)(const struct engine_progress *progress, void *context);
	void (*density_progress)(const struct density_progress *progress);
	void (*say)(const char *what);
	json_t *missing; /* [{"what", "why"}]: what of the lab cannot be had here */
};

/* Only the first reason for each is kept. */
void lab_note_missing(struct lab_work *work, const char *what, const char *why);

#define LAB_LIST_MAX 8

/* A run of the engine into data/run. Environments that cannot be had here, and guests of a quick
 * run, are left out and noted. Lists end with NULL. */
struct lab_campaign {
	const char *envs[LAB_LIST_MAX], *loads[LAB_LIST_MAX];
	uint64_t rounds, quick_rounds, passes;
};
int lab_campaign(struct lab_work *work, const struct lab_campaign *wanted, struct tare_err *err);

/* `tare density` into data/density.json, likewise; that it fails is noted as missing. */
struct lab_density {
	const char *envs[LAB_LIST_MAX]; /* the first is the baseline */
	uint64_t rounds, max;
	double share;
};
int lab_density(struct lab_work *work, const struct lab_density *wanted, struct tare_err *err);

/* `tare isolation` of these probes (NULL: all) into data/isolation.json. */
int lab_isolation(struct lab_work *work, const char *envs, const char *const *probes,
		  struct tare_err *err);

/* `tare validate` of these checks, each in the environment beside it, into data/checks.json. */
struct lab_check {
	const char *check, *env;
};
int lab_checks(struct lab_work *work, const struct lab_check *checks, double scale,
	       struct tare_err *err);

/* Something else that was seen, into data/seen.json. */
int lab_keep_seen(const struct lab_work *work, const json_t *seen, struct tare_err *err);
