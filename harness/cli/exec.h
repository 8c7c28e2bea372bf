/* SPDX-License-Identifier: MIT */
#pragma once
/* exec: the options of `tare exec`, and what the static `tare` has to know of that command. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/args.h"

struct command;
struct command_option;
struct tare_err;

#define EXEC_VARIABLES_MAX 256

struct exec_options {
	struct env_list envs;
	char *variables[EXEC_VARIABLES_MAX + 1]; /* NULL-ended; into argv or environ */
	size_t n_variables;
	const char *cwd;
	const char *network;     /* value of the box's option net; NULL: not given */
	json_t *extras;          /* as in box/common/extras.h; NULL: none */
	const char *first_extra; /* the flag that began them */
};

extern const struct command_option exec_options_table[];

void exec_options_clear(struct exec_options *options);

/* After all flags: put --network where it belongs, and see that the environment can give what is
 * asked for. */
int exec_options_check(struct exec_options *options, struct tare_err *err);

/* The command line, argv as after "tare", is right and asks for a machine that this program has.
 * Says nothing, and leaves argv as it is. */
bool exec_can_start(const struct command *command, int argc, char *const *argv);
