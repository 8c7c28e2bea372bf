/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/log.h"

#define HELP_COLUMN 30
#define HELP_WIDTH  80
#define NAMES_MAX   96

enum common { COMMON_QUIET, COMMON_VERBOSE, COMMON_JSON, COMMON_HELP, COMMON_N };

const char tare_purpose[] =
	"Weighs boxes: runs the same workload natively, in containers and in virtual machines,\n"
	"and says what each costs and whether its limits hold.";

const struct command_option common_options[] = {
	[COMMON_QUIET] = {"quiet", 'q', NULL, "nothing on stderr but errors", NULL},
	[COMMON_VERBOSE] = {"verbose", 0, NULL, "say more on stderr", NULL},
	[COMMON_JSON] = {"json", 0, NULL, "stdout is one JSON document", NULL},
	[COMMON_HELP] = {"help", 'h', NULL, "this text", NULL},
	[COMMON_N] = {NULL, 0, NULL, NULL, NULL},
};

/* What a flag turned out to be: one of three tables' rows. */
struct flag {
	const struct command_option *option; /* of the command, or common */
	const struct limit_option *limit;
	bool common;
};

struct reader {
	const struct command *command;
	void *own;
	struct cli_options *ret;
	bool help;
};

static const char *flag_argument(const struct flag *flag)
{
	return flag->limit ? flag->limit->argument : flag->option->argument;
}

static const struct command_option *table_find(const struct command_option *table, const char *name,
					       size_t length, char letter)
{
	for (; table && table->name; table++) {
		if (letter ? table->letter == letter
			   : strlen(table->name) == length &&
				     strncmp(table->name, name, length) == 0)
			return table;
	}
	return NULL;
}

static bool find_long(const struct command *command, const char *name, size_t length,
		      struct flag *ret)
{
	*ret = (struct flag){.option = table_find(command->options, name, length, 0)};
	if (ret->option)
		return true;
	ret->option = table_find(common_options, name, length, 0);
	ret->common = ret->option != NULL;
	if (ret->option || !command->limits)
		return ret->option != NULL;
	for (const struct limit_option *l = limit_options; l->flag; l++) {
		if (strlen(l->flag) == length && strncmp(l->flag, name, length) == 0)
			ret->limit = l;
	}
	return ret->limit != NULL;
}

static bool find_short(const struct command *command, char letter, struct flag *ret)
{
	*ret = (struct flag){.option = table_find(command->options, "", 0, letter)};
	if (!ret->option) {
		ret->option = table_find(common_options, "", 0, letter);
		ret->common = ret->option != NULL;
	}
	return ret->option != NULL;
}

static int unknown_long(const struct command *command, const char *name, size_t length,
			struct tare_err *err)
{
	const char *names[NAMES_MAX];
	size_t n = 0;
	char word[64], hint[TEXT_HINT_SIZE] = "";
	const char *near;

	for (const struct command_option *o = command->options; o && o->name; o++)
		if (n < NAMES_MAX - 1)
			names[n++] = o->name;
	for (const struct command_option *o = common_options; o->name && n < NAMES_MAX - 1; o++)
		names[n++] = o->name;
	for (const struct limit_option *l = limit_options; command->limits && l->flag; l++)
		if (n < NAMES_MAX - 1)
			names[n++] = l->flag;
	names[n] = NULL;
	(void)snprintf(word, sizeof(word), "%.*s", (int)length, name);
	near = text_did_you_mean(word, names);
	if (near)
		(void)snprintf(hint, sizeof(hint), ", did you mean '--%s'?", near);
	return err_set(err, EINVAL, "unknown flag '--%s'%s", word, hint);
}

static int take(struct reader *reader, const struct flag *flag, const char *text,
		struct tare_err *err)
{
	if (flag->limit)
		return limits_set(&reader->ret->limits, flag->limit->flag, text, err);
	if (!flag->common)
		return flag->option->take(reader->own, text, err);
	switch ((enum common)(flag->option - common_options)) {
	case COMMON_QUIET:
		reader->ret->quiet = true;
		break;
	case COMMON_VERBOSE:
		reader->ret->verbose = true;
		break;
	case COMMON_JSON:
		reader->ret->json = true;
		break;
	case COMMON_HELP:
		reader->help = true;
		break;
	case COMMON_N:
		break;
	}
	return 0;
}

/* --NAME, --NAME=VALUE or --NAME VALUE. Gives back how many words of argv it took. */
static int read_long(struct reader *reader, char **argv, struct tare_err *err)
{
	const char *name = argv[0] + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	const char *argument;
	struct flag flag;
	int r, used = 1;

	if (!find_long(reader->command, name, length, &flag))
		return unknown_long(reader->command, name, length, err);
	argument = flag_argument(&flag);
	if (!argument && value)
		return err_set(err, EINVAL, "--%.*s takes no value", (int)length, name);
	if (argument && !value) {
		value = argv[1];
		used = 2;
	}
	if (argument && !value)
		return err_set(err, EINVAL, "--%s needs a value: --%s %s", name, name, argument);
	r = take(reader, &flag, value, err);
	return r < 0 ? r : used;
}

/* -x, -xyz, -e VALUE or -eVALUE. Gives back how many words of argv it took. */
static int read_short(struct reader *reader, char **argv, struct tare_err *err)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		struct flag flag;
		const char *argument, *value = at + 1;
		int r, used = 1;

		if (!find_short(reader->command, *at, &flag))
			return err_set(err, EINVAL, "unknown flag '-%c'", *at);
		argument = flag_argument(&flag);
		if (!argument) {
			r = take(reader, &flag, NULL, err);
			if (r < 0)
				return r;
			continue;
		}
		if (!*value) {
			value = argv[1];
			used = 2;
		}
		if (!value)
			return err_set(err, EINVAL, "-%c needs a value: -%c %s", *at, *at,
				       argument);
		r = take(reader, &flag, value, err);
		return r < 0 ? r : used;
	}
	return 1;
}

int options_parse(const struct command *command, int argc, char **argv, void *own,
		  struct cli_options *ret, struct tare_err *err)
{
	struct reader reader = {.command = command, .own = own, .ret = ret};
	int at = 1, kept = 1;

	*ret = (struct cli_options){.args = argv + 1};
	while (at < argc && !reader.help) {
		int used;

		if (strcmp(argv[at], "--") == 0) {
			ret->dashes = true;
			ret->n_before = kept - 1;
			at++;
			break;
		}
		if (argv[at][0] != '-' || argv[at][1] == '\0') {
			if (command->command_line)
				break;
			argv[kept++] = argv[at++];
			continue;
		}
		used = argv[at][1] == '-' ? read_long(&reader, argv + at, err)
					  : read_short(&reader, argv + at, err);
		if (used < 0)
			return used;
		at += used;
	}
	while (at < argc)
		argv[kept++] = argv[at++];
	argv[kept] = NULL;
	ret->n_args = kept - 1;
	return reader.help;
}

int options_read(const struct command *command, int argc, char **argv, void *own,
		 struct cli_options *ret)
{
	struct tare_err err = {0};
	int r = options_parse(command, argc, argv, own, ret, &err);

	if (r < 0)
		return command_misuse(command, &err);
	if (r == 1) {
		options_print_help(command, stdout);
		return EXIT_OK;
	}
	log_setup(ret->quiet, ret->verbose);
	return OPTIONS_GO_ON;
}

int command_misuse(const struct command *command, const struct tare_err *err)
{
	log_error("%s: %s", command->name, err->msg);
	log_error("see 'tare %s --help'", command->name);
	return command->command_line ? EXIT_EXEC_FAILED : EXIT_USAGE;
}

int command_fail(const struct command *command, const struct tare_err *err)
{
	log_error("%s: %s", command->name, err->msg);
	if (command->command_line)
		return EXIT_EXEC_FAILED;
	switch (err->code) {
	case EINVAL:
	case ENOENT:
	case EEXIST:
		return EXIT_USAGE;
	case ENOTSUP:
	case EPERM:
	case EACCES:
		return EXIT_CANNOT_RUN;
	default:
		return EXIT_FOUND;
	}
}

int command_end_output(struct tare_err *err)
{
	/* What failed before may have left nothing to flush. */
	bool failed = ferror(stdout) != 0;

	if (fflush(stdout) != 0)
		return err_errno(err, "write to stdout");
	return failed ? err_set(err, EIO, "write to stdout: not all of it could be written") : 0;
}

int command_print_json(const json_t *document, struct tare_err *err)
{
	if (!document)
		return err_set(err, ENOMEM, "out of memory");
	if (json_dumpf(document, stdout, JSON_INDENT(1)) < 0 || putchar('\n') < 0)
		return err_errno(err, "write to stdout");
	return command_end_output(err);
}

int options_at_most(const struct cli_options *options, int max, struct tare_err *err)
{
	if (options->n_args <= max)
		return 0;
	return err_set(err, EINVAL, "unexpected argument '%.80s'", options->args[max]);
}

int command_needs_root(const char *what, struct tare_err *err)
{
	if (geteuid() == 0)
		return 0;
	return err_set(err, EPERM, "%s needs root: run it with sudo", what);
}

/* One flag of the help: its names in a column, its text wrapped in another. */
static void print_flag(FILE *to, char letter, const char *name, const char *argument,
		       const char *help)
{
	char left[80], short_form[8] = "    ";
	int column;

	if (letter)
		(void)snprintf(short_form, sizeof(short_form), "-%c, ", letter);
	column = snprintf(left, sizeof(left), "  %s--%s%s%s", short_form, name, argument ? " " : "",
			  argument ? argument : "");
	(void)fprintf(to, "%-*s", HELP_COLUMN, left);
	if (column >= HELP_COLUMN)
		(void)fprintf(to, "\n%*s", HELP_COLUMN, "");
	column = HELP_COLUMN;
	while (*help) {
		int word = (int)strcspn(help, " ");

		if (column > HELP_COLUMN && column + 1 + word > HELP_WIDTH) {
			(void)fprintf(to, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		column += fprintf(to, column > HELP_COLUMN ? " %.*s" : "%.*s", word, help);
		help += word;
		help += strspn(help, " ");
	}
	(void)fputc('\n', to);
}

static void print_examples(const char *line, FILE *to)
{
	(void)fputs("\nexamples:\n", to);
	for (; *line; line += strspn(line, "\n")) {
		int n = (int)strcspn(line, "\n");

		(void)fprintf(to, "  %.*s\n", n, line);
		line += n;
	}
}

void options_print_help(const struct command *command, FILE *to)
{
	(void)fprintf(to, "usage: tare %s %s\n\n%s\n", command->name, command->usage,
		      command->summary);
	if (command->details)
		(void)fprintf(to, "\n%s\n", command->details);
	(void)fputs("\noptions:\n", to);
	for (const struct command_option *o = command->options; o && o->name; o++)
		print_flag(to, o->letter, o->name, o->argument, o->help);
	for (const struct command_option *o = common_options; o->name; o++)
		print_flag(to, o->letter, o->name, o->argument, o->help);
	if (command->limits)
		(void)fputs("\nlimits:\n", to);
	for (const struct limit_option *l = limit_options; command->limits && l->flag; l++)
		print_flag(to, 0, l->flag, l->argument, l->help);
	if (command->examples)
		print_examples(command->examples, to);
}
