/* SPDX-License-Identifier: MIT */
/* tare: finds the command and hands it the command line. */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/options.h"

#define COMMANDS_MAX 32

static void print_help(FILE *to)
{
	(void)fprintf(to, "usage: tare COMMAND [options]\n\n%s\n\ncommands:\n", tare_purpose);
	for (const struct command *const *c = command_table; *c; c++)
		(void)fprintf(to, "  %-10s %s\n", (*c)->name, (*c)->summary);
	(void)fputs("\n'tare COMMAND --help' explains a command; 'tare --version' says which tare "
		    "this is.\n",
		    to);
}

static const struct command *find_command(const char *name)
{
	const char *names[COMMANDS_MAX];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (const struct command *const *c = command_table; *c; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
		if (n < COMMANDS_MAX - 1)
			names[n++] = (*c)->name;
	}
	names[n] = NULL;
	log_error("unknown command '%.64s'%s", name, text_hint(name, names, hint, sizeof(hint)));
	return NULL;
}

static int help_command(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stdout);
		return EXIT_OK;
	}
	command = find_command(argv[1]);
	if (!command)
		return EXIT_USAGE;
	options_print_help(command, stdout);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *command;

	log_setup(false, false);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help_command(1, argv + 1);
	if (strcmp(argv[1], "help") == 0)
		return help_command(argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("tare " TARE_VERSION);
		return EXIT_OK;
	}
	if (argv[1][0] == '-') {
		log_error("unknown flag '%.64s' before a command; see 'tare --help'", argv[1]);
		return EXIT_USAGE;
	}
	command = find_command(argv[1]);
	return command ? command->run(command, argc - 1, argv + 1) : EXIT_USAGE;
}
