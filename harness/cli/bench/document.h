/* SPDX-License-Identifier: MIT */
#pragma once
/* document: what a bench says: every run, and the figures and ratios made of them. */

#include <jansson.h>
#include <stdio.h>

#include "cli/bench/play.h"

struct tare_err;

/* Schema tare.bench/1, see results/README.md. */
int bench_document(const struct bench_plan *plan, const struct bench_result *result, json_t **ret,
		   struct tare_err *err);

/* The environment whose program is another file than the baseline's, so that more than the
 * environments differs; NULL: none is known to. */
const char *bench_other_program(const json_t *document);

/* For people. */
void bench_print(const json_t *document);

/* hyperfine's: {"results": [...]} with its keys and units (seconds), and "environment". */
int bench_export_json(const json_t *document, FILE *to, struct tare_err *err);
/* One line a run, for R and the like. */
int bench_export_csv(const json_t *document, FILE *to, struct tare_err *err);
/* The table of bench_print(). */
int bench_export_markdown(const json_t *document, FILE *to, struct tare_err *err);
