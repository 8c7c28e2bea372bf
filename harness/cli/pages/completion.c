/* SPDX-License-Identifier: MIT */
#include "cli/pages/completion.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "box/box.h"
#include "check/check.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/options.h"
#include "collector.h"
#include "isolation/isolation.h"
#include "lab/lab.h"
#include "machine/machine.h"
#include "trial/trial.h"

/* What a placeholder of the tables stands for: names, or a kind of thing that bash knows. */
static const struct {
	const char *placeholder, *offer;
} offers[] = {
	{"ENV", "values=$_tare_envs"},
	{"LOAD", "values=$_tare_loads"},
	{"COLLECTORS", "values=$_tare_collectors"},
	{"CHECK", "values=$_tare_checks"},
	{"LAB", "values=$_tare_labs"},
	{"PROBE", "values=$_tare_probes"},
	{"FILE", "kind=files"},
	{"DIR", "kind=files"},
	{"PATH", "kind=files"},
	{"RUN", "kind=files"},
	{"RUN_A", "kind=files"},
	{"RUN_B", "kind=files"},
	{"SOURCE", "kind=files"},
	{"CAMPAIGN.yaml", "kind=files"},
	{"SRC:DST[:ro]", "kind=files"},
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"

/* The frame: which word is to be completed, and with what. The tables say the rest. */
static const char completer[] =
	"_tare_reply()\n"
	"{\n"
	"\tlocal cur=$1 prefix=\n"
	"\tcase $kind in\n"
	"\tfiles)\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tcommands) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\") ;;\n"
	"\tesac\n"
	"\t# The last of a list.\n"
	"\t[[ $cur == *,* ]] && prefix=${cur%,*},\n"
	"\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -P \"$prefix\" -W \"$values\" -- "
	"\"${cur##*,}\")\n"
	"}\n\n"
	"_tare()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} i word\n"
	"\tlocal values='' kind='' options='' words='' words_kind='' ends='' before='' last=''\n"
	"\tCOMPREPLY=()\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\tvalues=\"$_tare_commands help --help --version\"\n"
	"\t\t_tare_reply \"$cur\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [[ $command == help ]]; then\n"
	"\t\t((COMP_CWORD > 2)) || values=$_tare_commands\n"
	"\t\t_tare_reply \"$cur\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t_tare_table \"$command\" ''\n"
	"\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ $word == [=:]* ]]; then # bash cuts words there\n"
	"\t\t\tbefore=${before:-$last}\n"
	"\t\telif [[ $before ]]; then\n"
	"\t\t\tbefore=\n"
	"\t\telif [[ $word == -- ]] || [[ $word != -* && $ends ]]; then\n"
	"\t\t\tkind=files\n"
	"\t\t\t[[ $word == -- ]] && ((i + 1 == COMP_CWORD)) && kind=commands\n"
	"\t\t\tvalues=\n"
	"\t\t\t_tare_reply \"$cur\"\n"
	"\t\t\treturn\n"
	"\t\telif [[ $word == -* ]] && _tare_table \"$command\" \"$word\"; then\n"
	"\t\t\tbefore=$word last=$word\n"
	"\t\telse\n"
	"\t\t\tlast=\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [[ $cur == [=:] ]]; then\n"
	"\t\tbefore=${before:-$last} cur=\n"
	"\tfi\n"
	"\tvalues='' kind=''\n"
	"\tif [[ $before ]]; then\n"
	"\t\t_tare_table \"$command\" \"$before\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tvalues=$options\n"
	"\telse\n"
	"\t\tvalues=$words kind=$words_kind\n"
	"\tfi\n"
	"\t_tare_reply \"$cur\"\n"
	"}\n\n"
	"complete -F _tare tare\n";

static bool is_word(const char *at, size_t n, const char *word)
{
	return strlen(word) == n && strncmp(at, word, n) == 0;
}

static const char *offer_of(const char *placeholder, size_t n)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		if (is_word(placeholder, n, offers[i].placeholder))
			return offers[i].offer;
	return NULL;
}

/* "html,md,csv": an argument that lists what it may be. */
static void put_words(FILE *to, const char *argument)
{
	(void)fputs("values='", to);
	for (; *argument; argument++)
		(void)fputc(strchr(",|", *argument) ? ' ' : *argument, to);
	(void)fputc('\'', to);
}

/* One option that takes a value: a line of the inner `case`. */
static void put_value(FILE *to, char letter, const char *name, const char *argument)
{
	const char *offer = offer_of(argument, strlen(argument));

	(void)fputs("\t\t", to);
	if (letter)
		(void)fprintf(to, "-%c | ", letter);
	(void)fprintf(to, "--%s) ", name);
	if (offer)
		(void)fputs(offer, to);
	else if (argument[strspn(argument, LOWER ",|-")] == '\0')
		put_words(to, argument);
	else
		(void)fputs("values=", to);
	(void)fputs(" ;;\n", to);
}

static void put_flag(FILE *to, char letter, const char *name)
{
	(void)fprintf(to, " --%s", name);
	if (letter)
		(void)fprintf(to, " -%c", letter);
}

/* The arguments that are no options, as the usage names them: a word for itself, a placeholder for
 * what it stands for. What follows an option is that option's. */
static void put_arguments(FILE *to, const struct command *command)
{
	const char *offer = command->command_line ? "kind=commands" : NULL;
	bool of_option = false;

	(void)fputs("\t\twords='", to);
	for (const char *at = command->usage; *at;) {
		size_t n = strcspn(at, " []|.\n");
		bool yaml = strncmp(at + n, ".yaml", 5) == 0;

		if (yaml)
			n += 5;
		if (n && !of_option && strspn(at, LOWER) == n && !is_word(at, n, "options"))
			(void)fprintf(to, " %.*s", (int)n, at);
		if (n && !of_option && !offer)
			offer = offer_of(at, n);
		of_option = at[0] == '-' && at[n] == ' ' && !is_word(at, n, "--");
		at += n + (at[n] != '\0');
	}
	(void)fputs("'\n", to);
	if (offer && strncmp(offer, "values=", 7) == 0)
		(void)fprintf(to, "\t\twords+=\" %s\"\n", offer + 7);
	else if (offer)
		(void)fprintf(to, "\t\twords_%s\n", offer);
	if (command->command_line)
		(void)fputs("\t\tends=yes\n", to);
}

static void put_command(FILE *to, const struct command *command)
{
	(void)fprintf(to, "\t%s)\n\t\toptions='", command->name);
	for (const struct command_option *o = command->options; o && o->name; o++)
		put_flag(to, o->letter, o->name);
	for (const struct command_option *o = common_options; o->name; o++)
		put_flag(to, o->letter, o->name);
	for (const struct limit_option *l = limit_options; command->limits && l->flag; l++)
		put_flag(to, 0, l->flag);
	(void)fputs("'\n", to);
	put_arguments(to, command);
	(void)fputs("\t\tcase $2 in\n", to);
	for (const struct command_option *o = command->options; o && o->name; o++)
		if (o->argument)
			put_value(to, o->letter, o->name, o->argument);
	for (const struct limit_option *l = limit_options; command->limits && l->flag; l++)
		if (l->argument)
			put_value(to, 0, l->flag, l->argument);
	(void)fputs("\t\t*) return 1 ;;\n\t\tesac ;;\n", to);
}

static void put_tables(FILE *to)
{
	char name[80];

	(void)fputs("_tare_envs='", to);
	for (const struct machine_ops *const *m = machine_ops_table; *m; m++)
		for (const struct box_ops *const *b = box_ops_table; *b; b++) {
			environment_name(*m, *b, name, sizeof(name));
			(void)fprintf(to, " %s", name);
		}
	(void)fputs("'\n_tare_collectors='", to);
	for (const struct collector_ops *const *c = collector_ops_table; *c; c++)
		(void)fprintf(to, " %s", (*c)->name);
	(void)fputs("'\n_tare_checks='", to);
	for (const struct check_ops *const *c = check_ops_table; *c; c++)
		(void)fprintf(to, " %s", (*c)->name);
	(void)fputs("'\n_tare_labs='", to);
	for (const struct lab_ops *const *l = lab_ops_table; *l; l++)
		(void)fprintf(to, " %s", (*l)->name);
	(void)fputs("'\n_tare_commands='", to);
	for (const struct command *const *c = command_table; *c; c++)
		(void)fprintf(to, " %s", (*c)->name);
	(void)fputs("'\n", to);
}

static int put_loads(FILE *to, const char *load_path, struct tare_err *err)
{
	cleanup_json json_t *described = NULL, *probes = NULL;
	const json_t *load;
	const char *name;
	json_t *probe;
	size_t i;
	int r = trial_describe_loads(load_path, &described, err);

	if (r == 0)
		r = isolation_list(load_path, &probes, err);
	if (r < 0)
		return r;
	(void)fputs("_tare_loads='", to);
	json_array_foreach(json_object_get(described, "loads"), i, load)
	{
		(void)fprintf(to, " %s", json_string_or(load, "name", ""));
	}
	(void)fputs("'\n_tare_probes='", to);
	json_object_foreach(probes, name, probe)
	{
		(void)fprintf(to, " %s", name);
	}
	(void)fputs("'\n", to);
	return 0;
}

int completion_put(FILE *to, const char *load_path, struct tare_err *err)
{
	int r;

	(void)fputs("# bash completion for tare. Made from the tables of the program.\n", to);
	put_tables(to);
	r = put_loads(to, load_path, err);
	if (r < 0)
		return r;
	(void)fputs("\n# What a command takes; and of an option with a value what that may be, "
		    "else 1.\n_tare_table()\n{\n\tcase $1 in\n",
		    to);
	for (const struct command *const *c = command_table; *c; c++)
		put_command(to, *c);
	(void)fputs("\t*) return 1 ;;\n\tesac\n}\n\n", to);
	(void)fputs(completer, to);
	return 0;
}
