/* SPDX-License-Identifier: MIT */
#pragma once
/* options: reads a command line by a command's table, and makes --help from the same table. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"
#include "limit/limit.h"

struct tare_err;

/* What every command takes, and what is no option. */
struct cli_options {
	bool quiet;           /* -q: nothing on stderr but errors */
	bool verbose;         /* --verbose */
	bool json;            /* --json: stdout is one JSON document and nothing else */
	struct limits limits; /* where the command takes limits */
	char **args;          /* the arguments that are no options, in order; NULL-ended */
	int n_args;
	bool dashes;  /* "--" was given */
	int n_before; /* arguments before it */
};

/* What every command takes beside its own; ended by name NULL. They have no take(). */
extern const struct command_option common_options[];
/* What `tare` is for, in a sentence of two lines. */
extern const char tare_purpose[];

#define OPTIONS_GO_ON (-1)

/* Read argv (argv[0] is the command's name): `own` is handed to the table's take(). argv is put
 * in a new order, in place. OPTIONS_GO_ON, or an exit code when there is nothing left to do:
 * --help has been printed, or the mistake has been said on stderr. */
int options_read(const struct command *command, int argc, char **argv, void *own,
		 struct cli_options *ret);

/* As options_read, without printing: 1 when --help was met. */
int options_parse(const struct command *command, int argc, char **argv, void *own,
		  struct cli_options *ret, struct tare_err *err);

void options_print_help(const struct command *command, FILE *to);

/* Say err on stderr as "tare NAME: ..."; gives back the exit code that fits it. */
int command_fail(const struct command *command, const struct tare_err *err);
/* The same for a mistake of the user's: adds where help is; gives back EXIT_USAGE, in `exec`
 * EXIT_EXEC_FAILED. */
int command_misuse(const struct command *command, const struct tare_err *err);

/* All that was written to stdout is out; a full disk is told. */
int command_end_output(struct tare_err *err);
/* A document on stdout, and command_end_output(). NULL: there was no memory for it. */
int command_print_json(const json_t *document, struct tare_err *err);

/* -EINVAL when more than max arguments were given. */
int options_at_most(const struct cli_options *options, int max, struct tare_err *err);
/* -EPERM and a sentence unless we are root. */
int command_needs_root(const char *what, struct tare_err *err);
