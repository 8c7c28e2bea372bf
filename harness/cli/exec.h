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
/* Two of them, for other commands: options begins with a struct exec_options. */
int exec_take_variable(void *options, const char *text, struct tare_err *err);
int exec_take_workdir(void *options, const char *text, struct tare_err *err);

void exec_options_clear(struct exec_options *options);

/* After all flags: put --network where it belongs, and see that the environment can give what is
 * asked for. */
int exec_options_check(struct exec_options *options, struct tare_err *err);

#define EXEC_ELSEWHERE (-1)

/* Carry the command line out, argv as after "tare", if it is right and asks for nothing that this
 * program lacks: gives back the exit code. Else EXEC_ELSEWHERE, nothing said, and argv as it was.
 */
int exec_try(const struct command *command, int argc, char *const *argv);
