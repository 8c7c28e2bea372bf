/* SPDX-License-Identifier: MIT */
#include "cli/pages/man.h"

#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/pages/roff.h"

struct term {
	const char *name, *meaning;
};

static const struct term files[] = {
	{"/run/tare", "journals of runs that go on; 'tare clean' goes by them. Without root "
		      "$XDG_RUNTIME_DIR/tare"},
	{"/var/cache/tare", "images, kernels and saved guests. Without root ~/.cache/tare"},
	{"tare-results/TIME", "a run's folder, where no other is asked for; in a checkout it is "
			      "results/TIME"},
	{NULL, NULL},
};

static const struct term variables[] = {
	{"TARE_LIBEXEC", "the folder of tare-main, tare-load and tare-agent, where they are not "
			 "beside tare or installed with it"},
	{"TARE_RUNTIME_DIR", "the folder of the journals"},
	{"XDG_RUNTIME_DIR", "without root, the journals are in its folder tare"},
	{"XDG_CACHE_HOME", "images, kernels and saved guests are in its folder tare"},
	{"SUDO_USER", "whose lab it is where --student does not say"},
	{"HOME", "without root and XDG_CACHE_HOME they are in its folder .cache/tare"},
	{"TMPDIR", "where temporary folders are made, else /tmp; journals too, without root and "
		   "XDG_RUNTIME_DIR"},
	{"PATH", "where the programs are looked for that tare calls"},
	{"NO_COLOR", "set to anything: no colours"},
	{"TERM", "dumb: no colours"},
	{NULL, NULL},
};

static const struct {
	enum command_exit code;
	const char *meaning;
} codes[] = {
	{EXIT_OK, "all went well"},
	{EXIT_FOUND, "a check or a trial failed, or a regression was found"},
	{EXIT_USAGE, "the command line or the campaign file is wrong"},
	{EXIT_CANNOT_RUN, "this machine, or this user, cannot run it"},
};

/* What tells of a program's own end: for commands that pass it on. */
static const struct {
	enum command_exit code;
	const char *meaning;
} exec_codes[] = {
	{EXIT_CANNOT_RUN, "this machine, or this user, cannot run it"},
	{EXIT_EXEC_FAILED, "tare itself failed, or the command line is wrong"},
	{EXIT_NOT_EXECUTABLE, "the command is not executable"},
	{EXIT_NOT_FOUND, "there is no such command"},
};

static void put_head(FILE *to, const char *name, const char *summary)
{
	/* No word is cut and no blank is added: options and names are to be found and copied. */
	(void)fputs(".\\\" Made from the tables of the program.\n.TH ", to);
	for (const char *c = name; *c; c++)
		if (*c == '-')
			(void)fputs("\\-", to);
		else
			(void)fputc(toupper((unsigned char)*c), to);
	(void)fputs(" 1 \"\" \"tare " TARE_VERSION "\" \"tare\"\n"
		    ".nh\n.ad l\n.SH NAME\n",
		    to);
	roff_put(to, name);
	(void)fputs(" \\- ", to);
	roff_put(to, summary);
	(void)fputc('\n', to);
}

static void put_term(FILE *to, const char *name, const char *meaning)
{
	(void)fputs(".TP\n", to);
	roff_put_in(to, 'B', name);
	(void)fputc('\n', to);
	roff_put_text(to, meaning);
}

static void put_terms(FILE *to, const char *title, const struct term *terms)
{
	(void)fprintf(to, ".SH %s\n", title);
	for (; terms->name; terms++)
		put_term(to, terms->name, terms->meaning);
}

static void put_code(FILE *to, enum command_exit code, const char *meaning)
{
	(void)fprintf(to, ".TP\n\\fB%d\\fR\n%s\n", (int)code, meaning);
}

static void put_codes(FILE *to)
{
	(void)fputs(".SH EXIT STATUS\n", to);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		put_code(to, codes[i].code, codes[i].meaning);
}

static void put_exec_codes(FILE *to)
{
	(void)fputs(".SH EXIT STATUS\nThe command\\(aqs own, or 128 and the number of the signal "
		    "that ended it; and of tare:\n",
		    to);
	for (size_t i = 0; i < sizeof(exec_codes) / sizeof(exec_codes[0]); i++)
		put_code(to, exec_codes[i].code, exec_codes[i].meaning);
}

static void put_option(FILE *to, char letter, const char *name, const char *argument,
		       const char *help)
{
	(void)fputs(".TP\n", to);
	if (letter)
		(void)fprintf(to, "\\fB\\-%c\\fR, ", letter);
	(void)fputs("\\fB\\-\\-", to);
	roff_put(to, name);
	(void)fputs("\\fR", to);
	if (argument) {
		(void)fputc(' ', to);
		roff_put_in(to, 'I', argument);
	}
	(void)fputc('\n', to);
	roff_put_text(to, help);
}

static void put_options(FILE *to, const struct command *command)
{
	(void)fputs(".SH OPTIONS\n", to);
	for (const struct command_option *o = command->options; o && o->name; o++)
		put_option(to, o->letter, o->name, o->argument, o->help);
	for (const struct command_option *o = common_options; o->name; o++)
		put_option(to, o->letter, o->name, o->argument, o->help);
	if (!command->limits)
		return;
	(void)fputs(".SS Limits\n", to);
	for (const struct limit_option *l = limit_options; l->flag; l++)
		put_option(to, 0, l->flag, l->argument, l->help);
}

/* except: the command whose page it is, or NULL. */
static void put_see_also(FILE *to, const struct command *except)
{
	(void)fputs(".SH SEE ALSO\n", to);
	if (except)
		(void)fputs(".BR tare (1),\n", to);
	for (const struct command *const *c = command_table; *c; c++) {
		bool last = !c[1] || (c[1] == except && !c[2]);

		if (*c == except)
			continue;
		(void)fputs(".BR tare\\-", to);
		roff_put(to, (*c)->name);
		(void)fprintf(to, " (1)%s\n", last ? "" : ",");
	}
}

void man_put_overview(FILE *to)
{
	put_head(to, "tare", "weigh boxes: native, containers and virtual machines");
	(void)fputs(".SH SYNOPSIS\n\\fBtare\\fR \\fICOMMAND\\fR [options]\n.br\n"
		    "\\fBtare help\\fR [\\fICOMMAND\\fR]\n.br\n\\fBtare \\-\\-version\\fR\n"
		    ".SH DESCRIPTION\n",
		    to);
	roff_put_text(to, tare_purpose);
	(void)fputs(".SH COMMANDS\n", to);
	for (const struct command *const *c = command_table; *c; c++) {
		(void)fputs(".TP\n.BR tare\\-", to);
		roff_put(to, (*c)->name);
		(void)fputs(" (1)\n", to);
		roff_put_text(to, (*c)->summary);
	}
	(void)fputs(".SH OPTIONS\nEvery command takes these.\n", to);
	for (const struct command_option *o = common_options; o->name; o++)
		put_option(to, o->letter, o->name, o->argument, o->help);
	put_codes(to);
	put_terms(to, "FILES", files);
	put_terms(to, "ENVIRONMENT", variables);
	put_see_also(to, NULL);
}

void man_put_command(FILE *to, const struct command *command)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "tare-%s", command->name);
	put_head(to, name, command->summary);
	(void)fprintf(to, ".SH SYNOPSIS\n\\fBtare %s\\fR ", command->name);
	roff_put_usage(to, command->usage);
	(void)fputs(".SH DESCRIPTION\n", to);
	roff_put_text(to, command->details ? command->details : command->summary);
	put_options(to, command);
	if (command->command_line)
		put_exec_codes(to);
	else
		put_codes(to);
	put_terms(to, "FILES", files);
	put_terms(to, "ENVIRONMENT", variables);
	if (command->examples) {
		(void)fputs(".SH EXAMPLES\n.nf\n", to);
		roff_put_text(to, command->examples);
		(void)fputs(".fi\n", to);
	}
	put_see_also(to, command);
}
