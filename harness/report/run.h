/* SPDX-License-Identifier: MIT */
#pragma once
/* run: a run folder in memory, as the reports need it: trials sorted into cells.
 *
 * What is read was written by a run on any machine, so it is not trusted: lines, numbers of
 * records, cells and slices are bounded, and types are checked. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/histogram.h"

struct tare_err;

#define RUN_NAME_MAX 128 /* bytes of a label, a load or a group */
#define RUN_ENVS_MAX 64

enum run_status { RUN_OK, RUN_FAILED, RUN_UNSUPPORTED, RUN_VOID, RUN_N_STATUS };

struct run_env {
	char label[RUN_NAME_MAX];
	char shown[RUN_NAME_MAX + 160]; /* the label, with what must be said with it */
	bool emulated;                  /* a guest of it ran under TCG */
	bool restored;                  /* a guest of it came from a snapshot */
	char accel[16];                 /* "" for the host */
	char marks[128];                /* what changes the cost of its system calls; "" */
	/* Why a ratio with it is no measure of VM overhead: "TCG, emulated"; "" when it is one. */
	char apart[24];
	/* Of a self-test: the label of what it is once more, and how much it was slowed down. */
	char twin_of[RUN_NAME_MAX];
	double slowdown_pct;
};

/* (group, env, load, params, mode, collectors): what is repeated over rounds. */
struct run_cell {
	char group[RUN_NAME_MAX];
	size_t env; /* of run.envs */
	char load[RUN_NAME_MAX];
	char params[RUN_NAME_MAX];     /* "size=4096,depth=2", "" */
	char name[RUN_NAME_MAX];       /* load and params, as on the command line: the set */
	char mode[16];                 /* "batch", "latency", "solo" */
	char collectors[RUN_NAME_MAX]; /* asked for: "syscalls+cpu" */
	/* One of them taxes what it watches, or there is a cell without: no central figure. */
	bool observed;
	json_t *asked;  /* of its last trial */
	size_t *trials; /* of run.trials, in order of rounds */
	size_t n_trials, room;
};

struct run_trial {
	uint64_t seq, round, position;
	size_t cell;
	enum run_status status;
	bool superseded;
	uint64_t *pass; /* of the slices */
	double *ns_per_op;
	size_t n_slices;
	double median_ns;          /* over the slices; NaN without */
	uint64_t asked_ns;         /* host's clock; 0: not said */
	struct histogram *latency; /* NULL outside latency mode */
	double ready_ns;           /* since it was asked for, on its own clock; NaN: not said */
	unsigned int has;          /* of enum run_has */
	json_t *asked;             /* `trial`, `sha256`, `limit_at`; mostly shared with others */
	json_t *instance;          /* the same; NULL: not said */
	char *rest;                /* the rest of it as JSON: see run_record() */
};

/* What is worth asking run_record() for. */
enum run_has {
	RUN_HAS_FIGURES = 1 << 0,
	RUN_HAS_SPANS = 1 << 1,
	RUN_HAS_HOST = 1 << 2, /* collectors outside of the guest */
	RUN_HAS_KVM = 1 << 3,
	RUN_HAS_SYSCALLS = 1 << 4,
	RUN_HAS_SCHED = 1 << 5,
	RUN_HAS_COUNTERS = 1 << 6,
	RUN_HAS_SERIES = 1 << 7,
	RUN_HAS_PROGRAMS = 1 << 9,
	RUN_HAS_TROUBLE = 1 << 8, /* it was disturbed, or a collector lost or lacked something */
};

struct run {
	json_t *manifest;
	struct run_env *envs;
	size_t n_envs;
	struct run_cell *cells;
	size_t n_cells;
	size_t *order; /* of cells: sets as they first came, each in the order of envs */
	struct run_trial *trials;
	size_t n_trials, trials_room;
	size_t n_superseded;
	json_t *instances; /* the last description of each, by id */
	bool torn;         /* the last line was cut off */
	/* A self-test's environments, with their cells and trials: apart, so that nothing else in a
	 * report is of them. NULL: there was none. */
	struct run *twins;
};

/* Read the folder. Sentences name file and line. */
int run_load(const char *dir, struct run **ret, struct tare_err *err);
void run_free(struct run *run);

/* What was recorded of a trial without its columns, latencies and instance. Memory holds it as
 * text, of which a hundred thousand have room, so this is a new reference, and what is read from it
 * ends with it. NULL: no memory, which reads as a record that says nothing. */
json_t *run_record(const struct run_trial *trial);
/* A member of `trial`, as it was asked for. */
const json_t *run_asked(const struct run_trial *trial, const char *key);

/* The cell of the same group, load, params, mode and collectors in another environment. */
const struct run_cell *run_find_cell(const struct run *run, const struct run_cell *like,
				     size_t env);
/* The limits that were asked for; NULL: none. */
const json_t *run_limits(const struct run *run, const struct run_cell *cell);
/* Either may be NULL. */
bool run_same_limits(const json_t *a, const json_t *b);
/* The cell without collectors of the same environment, load, params, mode and limits. NULL: none.
 */
const struct run_cell *run_plain_cell(const struct run *run, const struct run_cell *cell);
/* No cell before it differs from it in the environment alone. */
bool run_is_first_of_set(const struct run *run, size_t cell);
/* The trial of a round that counts: ok and not taken back. NULL: none. */
const struct run_trial *run_trial_of_round(const struct run *run, const struct run_cell *cell,
					   uint64_t round);
/* One of its trials counts. */
bool run_cell_counts(const struct run *run, const struct run_cell *cell);
/* The latencies of all its trials that count, together. */
void run_merge_latency(const struct run *run, const struct run_cell *cell, struct histogram *ret);
/* The trial counts. */
bool run_trial_counts(const struct run_trial *trial);
const char *run_status_name(enum run_status status);
const char *run_baseline(const struct run *run);

static inline void cleanup_runp(struct run **run)
{
	run_free(*run);
}
#define cleanup_run __attribute__((cleanup(cleanup_runp)))
