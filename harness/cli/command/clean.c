/* SPDX-License-Identifier: MIT */
/* tare clean: take down what killed runs left behind. */

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"
#include "kernel/journal.h"

struct clean {
	const struct cli_options *cli;
	json_t *said;
};

static void say(const char *what, void *context)
{
	struct clean *clean = context;

	(void)json_array_append_new(clean->said, json_string(what));
	if (!clean->cli->json)
		(void)printf("removed %s\n", what);
}

static void print_end(const struct clean *clean, const struct journal_cleaned *done)
{
	cleanup_json json_t *all = NULL;

	if (!clean->cli->json) {
		if (done->things == 0)
			(void)printf("nothing to remove");
		else
			(void)printf("%zu things of %zu dead runs removed", done->things,
				     done->runs);
		if (done->alive)
			(void)printf("; %zu runs are alive and were left alone", done->alive);
		(void)putchar('\n');
		return;
	}
	all = json_pack("{s:I, s:I, s:I, s:O}", "runs", (json_int_t)done->runs, "alive",
			(json_int_t)done->alive, "things", (json_int_t)done->things, "removed",
			clean->said);
	if (json_dumpf(all, stdout, JSON_INDENT(1)) == 0)
		(void)putchar('\n');
}

static int run_clean(const struct command *command, int argc, char **argv)
{
	cleanup_json json_t *said = json_array();
	struct journal_cleaned done = {0};
	struct tare_err err = {0};
	struct cli_options cli;
	struct clean clean = {&cli, said};
	int code = options_read(command, argc, argv, NULL, &cli), r;

	if (code != OPTIONS_GO_ON)
		return code;
	if (options_at_most(&cli, 0, &err) < 0)
		return command_misuse(command, &err);
	r = journal_clean(&done, say, &clean, &err);
	print_end(&clean, &done);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)err_errno(&err, "write to stdout");
		r = -EIO;
	}
	return r < 0 ? command_fail(command, &err) : EXIT_OK;
}

const struct command command_clean = {
	.name = "clean",
	.usage = "",
	.summary = "take down what killed runs left behind",
	.details = "Goes by the journals under /run/tare (without root: $XDG_RUNTIME_DIR/tare) and "
		   "by the names\ntare-*. Runs that are alive are left alone.",
	.run = run_clean,
};
