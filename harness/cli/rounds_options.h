/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds_options: what commands that play rounds of whole processes take, and how they tell what
 * came of it: `tare bench`, `tare startup` and `tare density`. */

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/exec.h"
#include "rounds/rounds.h"

struct tare_err;
struct cli_options;

/* A command's own options begin with it. */
struct rounds_options {
	struct exec_options exec; /* first: see exec_take_variable() */
	struct rounds_asked asked;
};

int rounds_take_env(void *options, const char *text, struct tare_err *err);
int rounds_take_runs(void *options, const char *text, struct tare_err *err);
int rounds_take_warmup(void *options, const char *text, struct tare_err *err);
int rounds_take_budget(void *options, const char *text, struct tare_err *err);
int rounds_take_effect(void *options, const char *text, struct tare_err *err);
int rounds_take_seed(void *options, const char *text, struct tare_err *err);

/* What it is before any option: 10 rounds, an effect of interest of 1 %, a seed that is drawn. */
struct rounds_options rounds_options_default(uint64_t warmup);

/* The document on stdout, by print() for people; that it ended early is warned of. EXIT_OK. */
int rounds_tell(const json_t *document, void (*print)(const json_t *document),
		const struct cli_options *cli, struct tare_err *err);
