/* SPDX-License-Identifier: MIT */
/* tare startup: how long each environment takes to start something, and where that time goes. */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/rounds_options.h"
#include "cli/run_check.h"
#include "cli/startup/play.h"

static const struct command_option options_table[] = {
	{"environment", 'e', "ENV", "what to start; native is put first where it is missing",
	 rounds_take_env},
	{"runs", 'r', "N", "starts of each, one a round of each kind (default 10)",
	 rounds_take_runs},
	{"rounds", 0, "N", "the same as --runs", rounds_take_runs},
	{"warmup", 'w', "N", "rounds before that do not count (default 1)", rounds_take_warmup},
	{"time-budget", 0, "TIME", "begin no round that would end later: 5m", rounds_take_budget},
	{"effect", 0, "PCT", "smallest effect of interest (default 1)", rounds_take_effect},
	{"seed", 0, "N", "of all that is random (default: drawn, and recorded)", rounds_take_seed},
	{NULL, 0, NULL, NULL, NULL},
};

static bool is_native(const struct env_choice *env)
{
	return strcmp(env->machine, "host") == 0 && strcmp(env->box, "bare") == 0;
}

/* What everything is compared with comes first; the others stay in their order. */
static int put_native_first(struct env_list *envs, struct tare_err *err)
{
	struct env_choice native;
	size_t at = 0;
	int r = 0;

	while (at < envs->n && !is_native(&envs->items[at]))
		at++;
	if (at == envs->n)
		r = args_parse_envs("native", envs, err);
	if (r < 0)
		return r;
	native = envs->items[at];
	memmove(envs->items + 1, envs->items, at * sizeof(native));
	envs->items[0] = native;
	return 0;
}

static int deliver(const struct startup_plan *plan, const struct startup_result *result,
		   const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *document = NULL;
	int r = startup_document(plan, result, &document, err);

	if (r < 0)
		return r;
	return rounds_tell(document, startup_print, cli, err);
}

static int play(const struct startup_plan *plan, const struct cli_options *cli,
		struct places *places, struct tare_err *err)
{
	volatile sig_atomic_t *interrupted = interrupt_catch();
	struct startup_result result;
	int r = startup_play(plan, places, interrupted, &result, err);

	if (r == 0 && rounds_n_that_count(&result.rounds) > 0)
		r = deliver(plan, &result, cli, err);
	else if (r == 0 && !*interrupted)
		r = err_set(err, ETIME, "stopped before there was one round to tell of: %s",
			    result.rounds.end);
	startup_result_clear(&result);
	return r == 0 && *interrupted ? 128 + *interrupted : r;
}

static int run_checked(const struct command *command, struct rounds_options *own,
		       const struct cli_options *cli)
{
	struct env_list *envs = &own->exec.envs;
	const struct startup_plan plan = {.envs = envs, .asked = own->asked};
	const struct limits none = {0};
	struct tare_err err = {0};
	struct places places;
	int code;

	if (envs->n == 0)
		(void)err_set(&err, EINVAL, "what? tare startup -e ENV... ('tare list envs')");
	if (err.code || options_at_most(cli, 0, &err) < 0 || put_native_first(envs, &err) < 0)
		return command_misuse(command, &err);
	if (run_check_envs(envs, &none, &err) < 0 || places_find(&places, &err) < 0)
		return command_fail(command, &err);
	code = places_open(&places, false, &err);
	if (code == 0)
		code = play(&plan, cli, &places, &err);
	if (places_close(&places, &err) < 0 && code >= 0)
		code = -EIO;
	return code < 0 ? command_fail(command, &err) : code;
}

static int run_startup(const struct command *command, int argc, char **argv)
{
	struct rounds_options own = rounds_options_default(1);
	struct cli_options cli;
	int code = options_read(command, argc, argv, &own, &cli);

	if (code == OPTIONS_GO_ON)
		code = run_checked(command, &own, &cli);
	exec_options_clear(&own.exec);
	return code;
}

const struct command command_startup = {
	.name = "startup",
	.usage = "-e ENV... [options]",
	.summary = "how long each environment takes to start, and where the time goes",
	.details = "Each round starts every environment twice, in random order: once by hyperfine, "
		   "which times\n"
		   "'tare exec' of a program that ends at once, from its first process to its "
		   "last; and once\n"
		   "by tare itself, which notes the moments on one clock. A guest starts as it "
		   "does for exec:\n"
		   "saved once and restored, or booted with vm,boot=cold; the table says which, "
		   "and whether it\n"
		   "is emulated (TCG). --warmup 0 times the first start as it is found.\n\n"
		   "qemu, kernel, init, hello: QEMU runs, its kernel is entered, the first process "
		   "speaks and\n"
		   "answers. box_up: the box stands, execve is next; exec: it has succeeded, as "
		   "its parent saw;\n"
		   "payload: its main() began; exit: it has ended; power_off: the guest's last "
		   "word; gone: all\n"
		   "is taken down. Exits 77 where hyperfine is not installed.",
	.examples = "tare startup -e container -e vm\n"
		    "tare startup -e container -e container,net=veth --runs 20",
	.options = options_table,
	.run = run_startup,
};
