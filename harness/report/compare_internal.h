/* SPDX-License-Identifier: MIT */
#pragma once
/* What the parts of compare share. The first run is A, the second B. */

#include "report/compare.h"
#include "report/run.h"
#include "stats/location.h"
#include "stats/verdict.h"

/* Which way is worse. NEITHER: a change is told, and no more. EITHER: a quota that is no longer met
 * exactly. */
enum compare_worse { COMPARE_HIGHER, COMPARE_LOWER, COMPARE_NEITHER, COMPARE_EITHER };

struct compare_row {
	enum compare_kind kind;
	char metric[64], unit[16];
	enum compare_worse worse;
	bool of_limit; /* what the kernel saw of a limit */
	bool no_log;   /* a round has 0, so that there is no ratio */
	const struct run_cell *cell[2];
	struct location of[2]; /* logs, but where no_log */
	struct location change;
	struct verdict_ps ps;
	double resolution;
};

/* A cell that only one of them has measured, or with another accelerator. */
struct compare_lost {
	const struct run_cell *cell;
	int has;       /* the run it is of */
	bool failed;   /* the other one tried it, and no trial of it counts */
	char why[160]; /* "": the other one has no such cell */
};

struct compare {
	struct run *run[2];
	const struct compare_options *options;
	double effect; /* 0.01 */
	char baseline[RUN_NAME_MAX];
	const char *other_machine; /* what of the fingerprint differs; NULL: nothing */
	struct compare_row *rows;
	size_t n_rows;
	struct compare_lost *lost;
	size_t n_lost;
};

/* Fill rows (without Holm's correction) and lost. */
int compare_collect(struct compare *c, struct tare_err *err);
/* `differences`: [{`what`, `a`, `b`}], and `notes`: [sentence, ...]. */
void compare_add_ledger(const struct compare *c, json_t *comparison);
/* A change, or a cell that is not in both, in words; printable. */
json_t *compare_sentence(const json_t *row);
