/* SPDX-License-Identifier: MIT */
#pragma once
/* command: a subcommand of `tare`. A file cli/command/NAME.c defines `const struct command
 * command_NAME`. Its options are one table, from which parsing, --help, the
 * manual's page and completion come. */

#include <stdbool.h>

struct tare_err;

enum command_exit {
	EXIT_OK = 0,
	EXIT_FOUND = 1,       /* a check or a trial failed, a regression was found */
	EXIT_USAGE = 2,       /* the command line or the campaign file is wrong */
	EXIT_CANNOT_RUN = 77, /* this machine, or this user, cannot run it */
	EXIT_EXEC_FAILED = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct command_option {
	const char *name; /* "rounds": given as --rounds N or --rounds=N */
	char letter;      /* 'e' for -e, or 0 */
	/* "N", or NULL for a switch. ENV, LOAD, COLLECTORS, FILE and the like say what completion
	 * offers (cli/pages/completion.c), and so do words: "html,md,csv". */
	const char *argument;
	const char *help; /* one line, default included */
	/* Takes the text (NULL for a switch) into the command's own struct. */
	int (*take)(void *options, const char *text, struct tare_err *err);
};

struct command {
	const char *name;
	const char *usage;   /* after "tare NAME ": "[CAMPAIGN.yaml] [-e ENV]..." */
	const char *summary; /* one line */
	const char *details; /* paragraphs of --help after the summary; may be NULL */
	/* Command lines, one a line, after the limits in --help; may be NULL. */
	const char *examples;
	const struct command_option *options; /* ended by name NULL */
	bool limits;                          /* also takes the flags of limit_options[] */
	bool command_line; /* the first argument that is no option ends the options: `exec` */
	/* argv as after "tare". Gives back an exit code. */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command *const command_table[]; /* NULL-terminated, by name */
