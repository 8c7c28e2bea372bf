/* SPDX-License-Identifier: MIT */
#pragma once
/* compare: what changed from one run to another.
 *
 * Three questions are asked of every cell that both runs have, each of rounds: the ratio to the
 * baseline within its run, which is sharp, since the players of a round took turns; the time of an
 * operation, which holds what the machine did in the meantime as well; and figures of the load's
 * own and of limits at work. Logs of both runs' rounds become a change by stats/change.h; Holm's
 * correction is over all cells of a question. */

#include <jansson.h>
#include <stdbool.h>

struct tare_err;

enum compare_kind { COMPARE_RATIOS, COMPARE_TIMES, COMPARE_FIGURES, COMPARE_N_KINDS };

struct compare_options {
	bool only[COMPARE_N_KINDS]; /* none is all */
	double effect_pct;          /* 0: that of the first run's campaign */
	bool different_machines;    /* compare them all the same */
};

/* "ratios", "times", "figures" */
const char *compare_kind_name(enum compare_kind kind);

/* Of two runs' folders, schema tare.compare/1. -EXDEV: they are of different machines. */
int compare_runs(const char *dir_a, const char *dir_b, const struct compare_options *options,
		 json_t **ret, struct tare_err *err);

/* For people: the figure of side "a" or "b" of a change, and the change with its interval,
 * "+2.1 % (+1.5 .. +2.7)"; buf is given back. */
char *compare_value(const json_t *row, const char *side, char *buf, size_t size);
char *compare_change(const json_t *row, char *buf, size_t size);
/* "mem-fill,x=1 with memory=64 MiB": a printable text of its own; NULL: out of memory. */
char *compare_load(const json_t *row);

/* One test case a change, for the viewers of continuous integration. */
int compare_write_junit(const json_t *comparison, const char *path, struct tare_err *err);
