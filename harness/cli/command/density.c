/* SPDX-License-Identifier: MIT */
/* tare density: how many boxes fit at once, and what each costs while the others are up. */

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/density/print.h"
#include "cli/interrupt.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/rounds_options.h"
#include "cli/run_check.h"
#include "density/density.h"
#include "engine/store.h"

#define ROUNDS_DEFAULT 5 /* the fewest that have an interval */
#define MAX_DEFAULT    20
#define SHARE_DEFAULT  0.5
#define SHARE_MOST_PCT 90
#define CLIMB_DEFAULT  (60 * NS_PER_S)

struct density_options {
	struct rounds_options common; /* first: see rounds_take_env() */
	uint64_t max, climb_ns;
	double share;
	const char *out_dir;
};

static int take_max(void *options, const char *text, struct tare_err *err)
{
	return units_parse_count("--max", text, 1, DENSITY_MAX,
				 &((struct density_options *)options)->max, err);
}

static int take_share(void *options, const char *text, struct tare_err *err)
{
	struct density_options *own = options;
	int r = units_parse_number("--memory-share", text, 1, SHARE_MOST_PCT, &own->share, err);

	own->share /= 100;
	return r;
}

static int take_climb(void *options, const char *text, struct tare_err *err)
{
	struct density_options *own = options;
	int r = units_parse_time("--climb-time", text, &own->climb_ns, err);

	if (r == 0 && own->climb_ns == 0)
		return err_set(err, EINVAL, "--climb-time: 0 is no time to put a box up in: 60s");
	return r;
}

static int take_out(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct density_options *)options)->out_dir = text;
	return 0;
}

static const struct command_option options_table[] = {
	{"environment", 'e', "ENV",
	 "what to put up; the first is what the others are compared with", rounds_take_env},
	{"max", 0, "N", "boxes at once, at most (default 20)", take_max},
	{"memory-share", 0, "PCT",
	 "of the memory that is available, at most; 90 is the most (default 50)", take_share},
	{"climb-time", 0, "TIME", "no box is put up later in a climb (default 60s)", take_climb},
	{"runs", 'r', "N", "climbs of each, one a round (default 5)", rounds_take_runs},
	{"rounds", 0, "N", "the same as --runs", rounds_take_runs},
	{"warmup", 'w', "N", "boxes of each before that, which do not count (default 1)",
	 rounds_take_warmup},
	{"time-budget", 0, "TIME", "begin no round that would end later; then it is ended: 5m",
	 rounds_take_budget},
	{"effect", 0, "PCT", "smallest effect of interest (default 1)", rounds_take_effect},
	{"seed", 0, "N", "of all that is random (default: drawn, and recorded)", rounds_take_seed},
	{"output", 'o', "DIR", "density.json, boxes.csv and the plot go there: new or empty",
	 take_out},
	{NULL, 0, NULL, NULL, NULL},
};

static int deliver(const struct density_plan *plan, const struct density_options *own,
		   const struct density_result *result, const struct cli_options *cli,
		   struct tare_err *err)
{
	cleanup_json json_t *document = NULL;
	struct tare_err why = {0};
	int r = density_document(plan, result, &document, err);

	if (r < 0)
		return r;
	r = own->out_dir ? density_write(document, own->out_dir, &why) : 0;
	if (r == -ENOTSUP)
		log_warn("%s", why.msg);
	else if (r < 0)
		return err_set(err, -r, "%s", why.msg);
	return rounds_tell(document, density_print, cli, err);
}

static int play(const struct density_plan *plan, const struct density_options *own,
		const struct cli_options *cli, struct tare_err *err)
{
	volatile sig_atomic_t *interrupted = interrupt_catch();
	struct density_result result;
	int r = density_play(plan, &result, err);

	log_progress_end();
	if (r == 0 && rounds_n_that_count(&result.rounds) > 0)
		r = deliver(plan, own, &result, cli, err);
	else if (r == 0 && !*interrupted)
		r = err_set(err, ETIME, "stopped before there was one round to tell of: %s",
			    result.rounds.end);
	density_result_clear(&result);
	return r == 0 && *interrupted ? 128 + *interrupted : r;
}

/* Before anything is put up: what was measured for minutes is not lost to a name. */
static int make_folder(const char *dir, struct tare_err *err)
{
	int r = dir ? store_check_empty(dir, err) : 0;

	return r == 0 && dir ? fd_make_dirs(dir, err) : r;
}

static int run_checked(const struct command *command, const struct density_options *own,
		       const struct cli_options *cli)
{
	const struct env_list *envs = &own->common.exec.envs;
	struct density_plan plan = {.envs = envs,
				    .asked = own->common.asked,
				    .max = own->max,
				    .share = own->share,
				    .climb_ns = own->climb_ns,
				    .interrupted = interrupt_catch(),
				    .progress = density_show_progress};
	const struct limits none = {0};
	struct tare_err err = {0};
	struct places places;
	int code;

	if (envs->n == 0)
		(void)err_set(&err, EINVAL, "of what? tare density -e ENV... ('tare list envs')");
	if (err.code || options_at_most(cli, 0, &err) < 0)
		return command_misuse(command, &err);
	if (run_check_envs(envs, &none, &err) < 0 || make_folder(own->out_dir, &err) < 0 ||
	    places_find(&places, &err) < 0)
		return command_fail(command, &err);
	/* With the controllers that boxes are made of: as `tare run`. */
	code = places_open(&places, true, &err);
	plan.site = places_site(&places);
	if (code == 0)
		code = play(&plan, own, cli, &err);
	if (places_close(&places, &err) < 0 && code >= 0)
		code = -EIO;
	return code < 0 ? command_fail(command, &err) : code;
}

static int run_density(const struct command *command, int argc, char **argv)
{
	struct density_options own = {.common = rounds_options_default(1),
				      .max = MAX_DEFAULT,
				      .share = SHARE_DEFAULT,
				      .climb_ns = CLIMB_DEFAULT};
	struct cli_options cli;
	int code;

	own.common.asked.rounds = ROUNDS_DEFAULT;
	code = options_read(command, argc, argv, &own, &cli);
	if (code == OPTIONS_GO_ON)
		code = run_checked(command, &own, &cli);
	exec_options_clear(&own.common.exec);
	return code;
}

const struct command command_density = {
	.name = "density",
	.usage = "-e ENV... [--max N] [options]",
	.summary = "how many boxes fit at once, and what each costs while the others are up",
	.details =
		"Each round climbs once with each environment, in random order: box after box is "
		"put up, with\n"
		"an idle player in it, and stays up until there are --max, until they have taken "
		"--memory-share\n"
		"of the memory that was available, or until --climb-time is over. The next one "
		"being refused ends\n"
		"a climb too, and is told with its reason. Then the first ten are weighed, and all "
		"are taken down.\n\n"
		"Started among few: the first quarter of the boxes; among many: the last. PSS: of "
		"the box's\n"
		"processes, of a guest QEMU's, memory of the guest included; pages that several "
		"share are shared\n"
		"out. Its group: as its control group counts, the kernel's memory included. Of the "
		"machine: what\n"
		"it has less of for each box, whoever's doing. A guest is restored where one was "
		"saved, as for\n"
		"exec, or booted with vm,boot=cold; under TCG it is emulated, and said to be.",
	.examples = "tare density -e native -e container --max 200\n"
		    "tare density -e container -e vm --max 12 -o results/density",
	.options = options_table,
	.run = run_density,
};
