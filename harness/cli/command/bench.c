/* SPDX-License-Identifier: MIT */
/* tare bench: any command of the user's, in several environments, in turn. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "cli/bench/document.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/rounds_options.h"
#include "cli/run_check.h"

struct export_file {
	const char *path;
	int (*write)(const json_t *document, FILE *to, struct tare_err *err);
};

enum { EXPORT_JSON, EXPORT_CSV, EXPORT_MARKDOWN, N_EXPORTS };

struct bench_options {
	struct rounds_options common; /* first: see rounds_take_env() */
	struct bench_plan plan;
	const char *lists[BENCH_PARAMETERS_MAX]; /* of -L, in order */
	size_t n_lists;
	struct export_file exports[N_EXPORTS];
};

static int take_prepare(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct bench_options *)options)->plan.prepare = text;
	return 0;
}

static int take_cleanup(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct bench_options *)options)->plan.cleanup = text;
	return 0;
}

/* Its values are the next argument, which comes out among those that are no options. */
static int take_list(void *options, const char *text, struct tare_err *err)
{
	struct bench_options *own = options;

	if (own->n_lists == BENCH_PARAMETERS_MAX)
		return err_set(err, EINVAL, "-L: at most %d parameters", BENCH_PARAMETERS_MAX);
	own->lists[own->n_lists++] = text;
	return 0;
}

static int take_ignore(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct bench_options *)options)->plan.ignore_failure = true;
	return 0;
}

static int take_show(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct bench_options *)options)->plan.show_output = true;
	return 0;
}

static int take_boots(void *options, const char *text, struct tare_err *err)
{
	static const char *const values[] = {"round", "bench", NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; values[i]; i++) {
		if (strcmp(text, values[i]) != 0)
			continue;
		((struct bench_options *)options)->plan.boot_once = i == 1;
		return 0;
	}
	return err_set(err, EINVAL, "--boots: '%.40s' is neither round nor bench%s", text,
		       text_hint(text, values, hint, sizeof(hint)));
}

static int take_json_file(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct bench_options *)options)->exports[EXPORT_JSON].path = text;
	return 0;
}

static int take_csv_file(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct bench_options *)options)->exports[EXPORT_CSV].path = text;
	return 0;
}

static int take_markdown_file(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct bench_options *)options)->exports[EXPORT_MARKDOWN].path = text;
	return 0;
}

static const struct command_option options_table[] = {
	{"environment", 'e', "ENV", "where; the first is what the others are compared with",
	 rounds_take_env},
	{"warmup", 'w', "N", "runs that do not count, in each environment and each new guest (0)",
	 rounds_take_warmup},
	{"runs", 'r', "N", "runs of each, one a round (default 10)", rounds_take_runs},
	{"rounds", 0, "N", "the same as --runs", rounds_take_runs},
	{"prepare", 'p', "SCRIPT", "for sh, there, before each run", take_prepare},
	{"cleanup", 'c', "SCRIPT", "for sh, there, once after all runs", take_cleanup},
	{"parameter-list", 'L', "VAR V1,V2", "runs with each value, put in for {VAR}", take_list},
	{"ignore-failure", 'i', NULL, "a command that fails is timed as any other", take_ignore},
	{"show-output", 0, NULL, "show what the commands write, on stderr", take_show},
	{"time-budget", 0, "TIME", "begin nothing that would end later; then it is ended: 5m",
	 rounds_take_budget},
	{"boots", 0, "WHEN", "guests boot once a round (default), or once a bench", take_boots},
	{"effect", 0, "PCT", "smallest effect of interest (default 1)", rounds_take_effect},
	{"seed", 0, "N", "of all that is random (default: drawn, and recorded)", rounds_take_seed},
	{"env", 0, "NAME[=VALUE]", "a variable for the command, without a value: ours",
	 exec_take_variable},
	{"workdir", 0, "PATH", "where it starts (default: / inside, natively here)",
	 exec_take_workdir},
	{"export-json", 0, "FILE", "as hyperfine does, with 'environment'", take_json_file},
	{"export-csv", 0, "FILE", "a line for every run", take_csv_file},
	{"export-markdown", 0, "FILE", "the table", take_markdown_file},
	{NULL, 0, NULL, NULL, NULL},
};

/* -L VAR V1,V2 takes two words, of which the second came out as an argument before "--". */
static int take_arguments(struct bench_options *own, const struct cli_options *cli,
			  struct tare_err *err)
{
	const struct exec_options *exec = &own->common.exec;
	int before = cli->dashes ? cli->n_before : cli->n_args;

	for (size_t i = 0; i < own->n_lists; i++) {
		int r;

		if ((size_t)before <= i)
			return err_set(err, EINVAL,
				       "-L: parameter '%.40s' has no value: -L %.40s v1,v2",
				       own->lists[i], own->lists[i]);
		r = bench_add_parameter(&own->plan, own->lists[i], cli->args[i], err);
		if (r < 0)
			return r;
	}
	if ((size_t)before > own->n_lists)
		return err_set(err, EINVAL, "'%.60s' is no option: the command comes after '--'",
			       cli->args[own->n_lists]);
	own->plan.command = cli->args + before;
	own->plan.envs = &exec->envs;
	own->plan.asked = own->common.asked;
	own->plan.limits = cli->limits;
	own->plan.cwd = exec->cwd;
	own->plan.variables = exec->variables;
	own->plan.n_variables = exec->n_variables;
	return bench_check(&own->plan, err);
}

/* Before anything is run: a bench of an hour is not lost to a name. */
static int check_exports(const struct bench_options *own, struct tare_err *err)
{
	for (size_t i = 0; i < N_EXPORTS; i++) {
		const char *path = own->exports[i].path;
		int r = path ? newfile_check(path, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int write_export(const struct export_file *export, const json_t *document,
			struct tare_err *err)
{
	cleanup_newfile struct newfile file = {0};
	int r = newfile_open(export->path, &file, err);

	if (r < 0)
		return r;
	r = export->write(document, file.file, err);
	if (r < 0)
		return err_wrap(err, r, "'%.100s'", export->path);
	return newfile_commit(&file, err);
}

static int write_exports(const struct bench_options *own, const json_t *document,
			 struct tare_err *err)
{
	for (size_t i = 0; i < N_EXPORTS; i++) {
		const struct export_file *export = &own->exports[i];
		int r = export->path ? write_export(export, document, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int deliver(struct bench_options *own, const struct cli_options *cli,
		   const struct bench_result *result, struct tare_err *err)
{
	cleanup_json json_t *document = NULL;
	const char *other;
	int r = bench_document(&own->plan, result, &document, err);

	if (r < 0 || (r = write_exports(own, document, err)) < 0)
		return r;
	r = rounds_tell(document, bench_print, cli, err);
	if (r < 0)
		return r;
	other = bench_other_program(document);
	if (other)
		log_warn(
			"'%s' ran another program in '%s' than in '%s': not the environments alone "
			"are compared",
			own->plan.command[0], other, own->plan.envs->items[0].label);
	return EXIT_OK;
}

static int play(struct bench_options *own, const struct cli_options *cli, struct places *places,
		struct tare_err *err)
{
	volatile sig_atomic_t *interrupted = interrupt_catch();
	struct bench_result result;
	int r = bench_play(&own->plan, places, interrupted, &result, err);

	if (r == 0 && rounds_n_that_count(&result.rounds) > 0)
		r = deliver(own, cli, &result, err);
	else if (r == 0 && !*interrupted)
		r = err_set(err, ETIME, "stopped before there was one round to tell of: %s",
			    result.rounds.end);
	bench_result_clear(&result);
	return r == 0 && *interrupted ? 128 + *interrupted : r;
}

static int run_checked(const struct command *command, struct bench_options *own,
		       const struct cli_options *cli)
{
	struct tare_err err = {0};
	struct places places;
	int code;

	if (take_arguments(own, cli, &err) < 0)
		return command_misuse(command, &err);
	if (run_check_envs(own->plan.envs, &own->plan.limits, &err) < 0 ||
	    check_exports(own, &err) < 0 || places_find(&places, &err) < 0)
		return command_fail(command, &err);
	code = places_open(&places, limits_any(&cli->limits), &err);
	if (code == 0)
		code = play(own, cli, &places, &err);
	if (places_close(&places, &err) < 0 && code >= 0)
		code = -EIO;
	return code < 0 ? command_fail(command, &err) : code;
}

static int run_bench(const struct command *command, int argc, char **argv)
{
	struct bench_options own = {.common = rounds_options_default(0),
				    .exports = {[EXPORT_JSON].write = bench_export_json,
						[EXPORT_CSV].write = bench_export_csv,
						[EXPORT_MARKDOWN].write = bench_export_markdown}};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &own, &cli);

	if (code == OPTIONS_GO_ON)
		code = run_checked(command, &own, &cli);
	bench_clear_parameters(&own.plan);
	exec_options_clear(&own.common.exec);
	return code;
}

const struct command command_bench = {
	.name = "bench",
	.usage = "-e ENV... [LIMITS] [options] -- COMMAND [ARGUMENT]...",
	.summary = "time any command in several environments and compare them",
	.details =
		"Each round runs the command once in each environment with each value of the "
		"parameters,\n"
		"in random order. Its time is taken in the environment's own clock, from just "
		"before its\n"
		"execve to its end, and so is its CPU time: neither the box nor a boot is in it. "
		"No shell\n"
		"is in between; for one, say so: -- sh -c 'a | b'. What it writes is discarded "
		"there.\n\n"
		"Every run has a fresh box. What is to last from --prepare to the command, or "
		"longer, goes\n"
		"to the folder $TARE_WORK, which is ext4 in every environment. Everything runs on "
		"one CPU;\n"
		"a command that needs more gets them, in every environment, by --cpuset-cpus.\n\n"
		"A command that fails ends the bench with status 1, unless --ignore-failure.",
	.examples = "tare bench -e native -e container,rootfs=host -- sort -n /etc/services\n"
		    "tare bench -e native -e container,rootfs=host -w 1 -L n 1,9 -- gzip -{n} -k "
		    "-f -c /etc/services",
	.options = options_table,
	.limits = true,
	.run = run_bench,
};
