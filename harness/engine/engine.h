/* SPDX-License-Identifier: MIT */
#pragma once
/* engine: carries a campaign out and writes the run's folder.
 *
 * A round goes through all groups that still have one, in random order, and through each group's
 * loads in random order. The trials of one (group, round, load) are a set: all its players are
 * up at once and take turns on one CPU, or, where the load cannot be sliced, run one after the
 * other. Machines are opened when a round first needs them and closed at its end, so that a
 * round is an instance of each guest. */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/campaign.h"
#include "machine/machine.h"

struct tare_err;

/* What goes on, for a progress line and for plain lines. */
struct engine_progress {
	const char *group, *load; /* the set that begins; NULL: it is the end */
	uint64_t round;
	size_t done, total;           /* sets */
	uint64_t elapsed_ns, left_ns; /* left: estimated, 0 while unknown */
	const char *said;             /* something that went wrong, in words; else NULL */
};

struct engine_config {
	const struct campaign *campaign;
	const json_t *described; /* trial_describe_loads() */
	const struct trial_place *place;
	struct journal *journal;
	const char *cache_dir, *libexec_dir;
	const char *run_dir;
	bool resume;       /* run_dir holds a run of this campaign: carry out what it lacks */
	bool hold_still;   /* the CPUs' frequency: settings.h */
	bool solo_turns;   /* for comparison: each player plays all its slices before the next */
	int conductor_cpu; /* where we run while players take turns; -1: anywhere */
	int players_cpu;   /* where players run; -1: engine_last_cpu() */
	const volatile sig_atomic_t *interrupted; /* set by a signal: stop at the next turn */
	void (*progress)(const struct engine_progress *progress, void *context);
	void *context;
};

struct engine_result {
	size_t trials, failed, unsupported, voided;
	const char *end; /* "complete", "interrupted", "time budget", "precision" */
};

/* -ENOTSUP: an environment cannot be had here, and the sentence says why; nothing was made.
 * -EINTR is no error: the result says "interrupted", and the run is valid and resumes. */
int engine_run(const struct engine_config *config, struct engine_result *ret, struct tare_err *err);

/* The last CPU that we may use, which is where players run, of those that a mask names; -1: we may
 * use none of them. */
int engine_last_cpu(void);

/* -ENOTSUP and why: it cannot be had here. */
int engine_check_env(const struct env_choice *env, struct tare_err *err);

/* The campaign of a run's folder, to resume it. -EXDEV: the run is of another machine. */
int engine_load_campaign(const char *run_dir, const json_t *described, struct campaign *ret,
			 struct tare_err *err);
