/* SPDX-License-Identifier: MIT */
#pragma once
/* campaign: what to measure and when to stop, from a YAML file, from flags, or the default one
 * that is embedded; and back from the manifest of a run that is resumed. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/args.h"
#include "limit/limit.h"
#include "trial/trial.h"

struct tare_err;

/* In place of an enum trial_mode: each load as it can. */
#define CAMPAIGN_MODE_BY_LOAD (-1)

struct campaign_group {
	char name[64];
	struct env_list envs;
	struct load_list loads;
	struct limits limits;
	json_t *collectors; /* list of texts: "syscalls", "counters=page-faults" */
	int mode;           /* enum trial_mode, or CAMPAIGN_MODE_BY_LOAD */
	uint64_t rounds;
	uint64_t solo_ns;   /* how long a load runs that takes no turns */
	uint64_t sample_ns; /* interval of time series; 0: none */
};

struct campaign {
	struct campaign_group *groups;
	size_t n_groups;
	uint64_t slice_ns;
	uint64_t passes;
	uint64_t rounds_per_instance; /* so many rounds a guest lives, at least 1 */
	uint64_t seed;                /* 0 only until the engine has drawn one */
	bool has_seed;
	double precision_pct;    /* 0: stop by rounds alone */
	uint64_t time_budget_ns; /* 0: none */
	double effect_pct;       /* the smallest effect of interest */
	bool ladder;    /* the group's environments are steps, each compared with the one before */
	bool observer;  /* asked for, and not yet done: campaign_rotate_observers() */
	bool self_test; /* asked for, and done by campaign_add_self_test() */
	bool same_rootfs; /* rootfs-mode same: /work on the host is a disk as a guest's */
	char baseline[ENV_LABEL_SIZE]; /* a label that every group of several environments has */
};

/* What the flags of `run` said; 0 and NULL where they said nothing. */
struct campaign_flags {
	const char *file;
	bool ladder;                        /* the steps of a ladder; envs are what follows them */
	char **envs, **loads, **collectors; /* as given, each NULL-ended */
	struct limits limits;
	bool has_mode, observer, self_test;
	enum trial_mode mode;
	uint64_t rounds, rounds_per_instance, passes, slice_ns, solo_ns, sample_ns, time_budget_ns,
		seed;
	bool has_seed;
	double precision_pct, effect_pct;
	const char *baseline;
	bool has_rootfs, same_rootfs;
};

/* A campaign of one file. Errors begin with "FILE:LINE:COLUMN: ". */
int campaign_from_yaml(const char *path, const json_t *described, struct campaign *ret,
		       struct tare_err *err);
/* The same of a text, which is called `path` in errors. */
int campaign_from_text(const char *path, const char *text, size_t size, const json_t *described,
		       struct campaign *ret, struct tare_err *err);
/* The file of the flags, else one group of what the flags say, else the embedded default; then
 * the schedule the flags ask for. -EINVAL: a file and flags that say what to run. */
int campaign_from_flags(const struct campaign_flags *flags, const json_t *described,
			struct campaign *ret, struct tare_err *err);

/* "own" or "same". */
int campaign_parse_rootfs(const char *what, const char *text, bool *ret_same, struct tare_err *err);

/* The YAML text that gives this campaign again. */
int campaign_to_yaml(const struct campaign *campaign, FILE *to, struct tare_err *err);

/* As in a manifest: `campaign` with labels in place of environments, and `envs`, those that
 * the labels name. */
json_t *campaign_to_json(const struct campaign *campaign);
json_t *campaign_envs_to_json(const struct campaign *campaign);
int campaign_from_json(const json_t *object, const json_t *envs, const json_t *described,
		       struct campaign *ret, struct tare_err *err);

/* The mode of a group's load: what the group asks for; else solo where the load cannot take
 * turns, or where limits of CPU, memory or I/O would hold for all players at once. */
enum trial_mode campaign_mode(const struct campaign_group *group, const json_t *described,
			      const char *load);

/* Else its environments play one after the other: solo, and for latencies where it cannot. */
bool campaign_takes_turns(const struct campaign_group *group, const json_t *described,
			  const char *load);

/* The options that an environment's machine is opened with: its own, and what the campaign's
 * rootfs-mode adds. New reference. */
json_t *campaign_machine_options(const struct campaign *campaign, const struct env_choice *env);

/* True when one of the group's environments is on this kernel, not on a guest's. */
bool campaign_group_on_host(const struct campaign_group *group);

void campaign_clear(struct campaign *campaign);
