/* SPDX-License-Identifier: MIT */
#pragma once
/* summary: what a run says, in figures: summary.json, from which tables and texts are made. */

#include <jansson.h>

#include "report/rounds.h"
#include "report/run.h"
#include "stats/levels.h"
#include "stats/location.h"
#include "stats/verdict.h"

struct tare_err;

/* The whole of it, schema tare.summary/1. A pure function of manifest and records. */
int summary_make(const struct run *run, json_t **ret, struct tare_err *err);

/* Its parts. Each sets one or more members. */
int summary_add_cells(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_ratios(const struct run *run, json_t *summary, struct tare_err *err);
/* `ladder`, of a campaign that is one. */
int summary_add_ladder(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_observer(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_syscalls(const struct run *run, json_t *summary, struct tare_err *err);
/* `counters`: events of perf. */
int summary_add_counters(const struct run *run, json_t *summary, struct tare_err *err);
/* `sched`: why tasks left their CPU, and how long they waited for one. */
int summary_add_sched(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_limits(const struct run *run, json_t *summary, struct tare_err *err);
/* `same_limit`: what environments do with one share of a CPU. */
int summary_add_same_limit(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_startup(const struct run *run, json_t *summary, struct tare_err *err);
/* `boundaries` of starts, `guest_cpu`. */
int summary_add_boundaries(const struct run *run, json_t *summary, struct tare_err *err);
/* `idle`: what guests cost the host while they wait. */
int summary_add_idle(const struct run *run, json_t *summary, struct tare_err *err);
/* `exits` of observed guests. */
int summary_add_exits(const struct run *run, json_t *summary, struct tare_err *err);
/* `spent`: what the run's time was spent on. */
int summary_add_spent(const struct run *run, json_t *summary, struct tare_err *err);
int summary_add_checks(const struct run *run, json_t *summary, struct tare_err *err);

/* `self_test`, of a run that had one: what it found of what is known. */
int summary_add_self_test(const struct run *run, json_t *summary, struct tare_err *err);

/* Add a text to a list that has it not yet. */
void summary_list_once(json_t *list, const char *text);
/* What an environment's figures must not be shown without; nothing for most. */
void summary_put_marks(json_t *object, const char *key, const struct run_env *env);
/* Set the key of each figure to its median over the cell's trials, failed ones too: to be killed is
 * what a limit may do. NaN is no figure; without any it is null. */
int summary_put_medians(const struct run *run, const struct run_cell *cell, json_t *object,
			const struct rounds_limit *figures, size_t n_figures, struct tare_err *err);
/* Rows of one group, load and mode, and of the same thing, which key names. */
bool summary_is_like(const json_t *a, const json_t *b, const char *key);
/* The baseline's rows of a list by what is the same in others like them: a hostile run has hundreds
 * of thousands. New reference; NULL: no memory. */
json_t *summary_index_baseline(json_t *list, const char *baseline, const char *key);
/* The row in such an index that is like this one, or NULL. */
json_t *summary_baseline_of(const json_t *index, const json_t *row, const char *key);
/* An object with the members that name a cell. */
json_t *summary_cell_json(const struct run *run, const struct run_cell *cell);
/* Why a ratio says nothing; a new reference. */
json_t *summary_why_inconclusive(const struct location *location, double effect);
/* Set `ci`, `level` and `method`; logs: low and high are logarithms. */
void summary_put_interval(json_t *object, const struct location *location, bool logs);
/* The same of rounds within instances, and how many there are of both. */
void summary_put_levels(json_t *object, const struct levels *levels, bool logs);
/* `more`: at which level more repetition would make the interval at most +-half wide, how much,
 * and how long all of it would take. */
void summary_put_more(json_t *object, const struct levels *levels, double half,
		      const struct levels_cost *cost);
/* The same of the whole run in a sentence without its full stop; "" where nothing is wide. Free it;
 * NULL: no memory. */
char *summary_more_sentence(const json_t *summary);
/* Why nothing more can be said of a log ratio, in words; NULL: there is no need. */
json_t *summary_why(const struct location *l, const struct verdict_ps *ps, enum verdict verdict,
		    double effect);
/* What the records of an environment say of its instances: kernels, accel, program, ... */
json_t *summary_env_json(const struct run *run, size_t env);
