/* SPDX-License-Identifier: MIT */
/* tare compare: what changed from one run to another. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/compare/print.h"
#include "cli/options.h"
#include "report/compare.h"

struct compare_command {
	struct compare_options options;
	const char *junit;
};

static int take_kind(struct compare_options *options, const char *word, struct tare_err *err)
{
	const char *names[COMPARE_N_KINDS + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (int kind = 0; kind < COMPARE_N_KINDS; kind++) {
		names[kind] = compare_kind_name((enum compare_kind)kind);
		if (strcmp(word, names[kind]) == 0) {
			options->only[kind] = true;
			return 0;
		}
	}
	return err_set(err, EINVAL, "--only: '%.40s' is not one of ratios, times, figures%s", word,
		       text_hint(word, names, hint, sizeof(hint)));
}

static int take_only(void *options, const char *text, struct tare_err *err)
{
	struct compare_command *own = options;
	int r;

	do {
		size_t n = strcspn(text, ",");
		char word[48];

		(void)snprintf(word, sizeof(word), "%.*s", (int)(n < 47 ? n : 47), text);
		r = take_kind(&own->options, word, err);
		text += n;
	} while (r == 0 && *text++);
	return r;
}

static int take_effect(void *options, const char *text, struct tare_err *err)
{
	struct compare_command *own = options;

	return units_parse_number("--effect", text, 0.01, 100, &own->options.effect_pct, err);
}

static int take_junit(void *options, const char *text, struct tare_err *err)
{
	if (!*text)
		return err_set(err, EINVAL, "--junit: which file?");
	((struct compare_command *)options)->junit = text;
	return 0;
}

static int take_machines(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct compare_command *)options)->options.different_machines = true;
	return 0;
}

static const struct command_option compare_options[] = {
	{"only", 0, "ratios,times,figures", "what to compare, which then counts (default: all)",
	 take_only},
	{"effect", 0, "PCT", "smallest effect of interest (default: that of RUN_A's campaign)",
	 take_effect},
	{"junit", 0, "FILE", "also write the changes there, as JUnit's XML", take_junit},
	{"different-machines", 0, NULL, "compare runs of different machines all the same",
	 take_machines},
	{0},
};

/* 1 is a regression and nothing else: what cannot be compared must not look like one. */
static int cannot(const struct command *command, const struct tare_err *err)
{
	int code = command_fail(command, err);

	return code == EXIT_FOUND ? EXIT_USAGE : code;
}

static int hand_over(const json_t *comparison, const struct compare_command *own,
		     const struct cli_options *cli, struct tare_err *err)
{
	int r = own->junit ? compare_write_junit(comparison, own->junit, err) : 0;

	if (r < 0)
		return r;
	if (cli->json)
		return command_print_json(comparison, err);
	r = compare_print(comparison, cli->verbose, err);
	return r < 0 ? r : command_end_output(err);
}

static int run_compare(const struct command *command, int argc, char **argv)
{
	struct compare_command own = {.junit = NULL};
	cleanup_json json_t *comparison = NULL;
	struct cli_options cli;
	struct tare_err err = {0};
	int r = options_read(command, argc, argv, &own, &cli);

	if (r != OPTIONS_GO_ON)
		return r;
	if (cli.n_args < 2)
		(void)err_set(&err, EINVAL, "name two runs' folders, the earlier one first");
	else
		(void)options_at_most(&cli, 2, &err);
	if (err.code)
		return command_misuse(command, &err);
	if (compare_runs(cli.args[0], cli.args[1], &own.options, &comparison, &err) < 0 ||
	    hand_over(comparison, &own, &cli, &err) < 0)
		return cannot(command, &err);
	return json_u64_or(comparison, "regressions", 0) ? EXIT_FOUND : EXIT_OK;
}

const struct command command_compare = {
	.name = "compare",
	.usage = "RUN_A RUN_B [options]",
	.summary = "say what changed from one run to another; exit 1 on a regression",
	.details =
		"Of every cell that both runs have (environment's label, load, mode, limits): the "
		"change of\nits ratio to the baseline, of its absolute time, and of its figures, "
		"with 95 % intervals from\nthe rounds of both. A regression is a change for the "
		"worse that the interval, after Holm's\ncorrection over all cells, does not leave "
		"to chance, and whose estimate is beyond the effect.\nAbsolute times hold what the "
		"machine did meanwhile: where there are ratios, they count only\nwith --only "
		"times. What else differs between the runs is listed.\nExits 0, 1 on a regression, "
		"2 when they cannot be compared.",
	.examples = "tare compare results/before results/after --junit compare.xml\n"
		    "tare compare results/before results/after --only times --effect 5",
	.options = compare_options,
	.run = run_compare,
};
