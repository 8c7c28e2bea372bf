/* SPDX-License-Identifier: MIT */
/* tare run: carries a campaign out and says where the run's folder is. */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/run.h"
#include "cli/run/options.h"
#include "cli/run/say.h"
#include "cli/run_check.h"
#include "engine/engine.h"
#include "engine/random.h"

static const volatile sig_atomic_t *interrupted;

/* results/2026-11-23T19-02-11-3f2a: sorts by time, and two in one second differ. */
static char *new_run_dir(const char *results_dir)
{
	char stamp[40];
	time_t now = time(NULL);
	unsigned short tail = 0;
	struct tm tm;

	(void)localtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H-%M-%S", &tm);
	(void)!getrandom(&tail, sizeof(tail), 0);
	return text_format("%s/%s-%04x", results_dir, stamp, tail);
}

static void draw_seed(struct campaign *campaign)
{
	if (!campaign->has_seed)
		campaign->seed = random_seed();
	campaign->has_seed = true;
}

/* Where the conductor sits: -1 for anywhere; the engine's players have the last CPU. */
static void choose_cpus(const struct run_options *options, struct engine_config *config)
{
	cpu_set_t cpus;
	int last = engine_last_cpu(), other = -1;

	config->players_cpu = last;
	config->conductor_cpu = -1;
	if (last < 0 || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	for (int cpu = 0; cpu < last; cpu++)
		if (CPU_ISSET((unsigned int)cpu, &cpus))
			other = cpu;
	if (!options->conductor || strcmp(options->conductor, "same") == 0)
		config->conductor_cpu = last;
	else if (strcmp(options->conductor, "other") == 0)
		config->conductor_cpu = other;
}

static int print_result(const struct cli_options *cli, const char *dir,
			const struct engine_result *result, struct tare_err *err)
{
	cleanup_json json_t *all = NULL;

	if (!cli->json) {
		(void)puts(dir);
		return command_end_output(err);
	}
	all = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "run", dir, "end", result->end, "trials",
			(json_int_t)result->trials, "failed", (json_int_t)result->failed,
			"unsupported", (json_int_t)result->unsupported, "void",
			(json_int_t)result->voided);
	return command_print_json(all, err);
}

static int carry_out(const struct run_options *options, const struct cli_options *cli,
		     struct places *places, const struct campaign *campaign,
		     const json_t *described, const char *dir, struct tare_err *err)
{
	struct engine_config config = {
		.campaign = campaign,
		.described = described,
		.place = &places->trial,
		.journal = places->journal,
		.cache_dir = places->cache_dir,
		.libexec_dir = places->libexec_dir,
		.run_dir = dir,
		.resume = options->resume_dir != NULL,
		.hold_still = options->hold_still,
		.solo_turns = options->one_after_the_other,
		.interrupted = interrupted,
		.progress = cli->quiet ? NULL : run_show_progress,
	};
	struct engine_result result;
	int r;

	choose_cpus(options, &config);
	r = engine_run(&config, &result, err);
	log_progress_end();
	if (r < 0)
		return r;
	if (strcmp(result.end, "precision") == 0)
		log_info("every interval is as narrow as asked for");
	else if (strcmp(result.end, "complete") != 0)
		log_warn("stopped: %s; 'tare run --resume %s' goes on", result.end, dir);
	if (!cli->quiet && !*interrupted)
		run_say_more(dir);
	r = print_result(cli, dir, &result, err);
	if (*interrupted)
		return 128 + *interrupted;
	return r == 0 && result.failed ? EXIT_FOUND : r;
}

/* A resumed run is the same run; only how long this sitting may take is asked anew. */
static int resumed_campaign(const struct run_options *options, const json_t *described,
			    struct campaign *ret, struct tare_err *err)
{
	const struct campaign_flags *f = &options->flags;
	int r;

	if (f->file || f->envs || f->loads || f->collectors || f->has_mode || f->rounds ||
	    f->rounds_per_instance || f->passes || f->slice_ns || f->solo_ns || f->sample_ns ||
	    f->has_seed || f->precision_pct > 0 || f->effect_pct > 0 || f->baseline ||
	    f->self_test || options->out_dir || limits_given(&f->limits))
		return err_set(err, EINVAL,
			       "--resume goes on with the campaign of the run: beside it there is "
			       "only --time-budget");
	r = engine_load_campaign(options->resume_dir, described, ret, err);
	if (r == 0 && f->time_budget_ns)
		ret->time_budget_ns = f->time_budget_ns;
	return r;
}

static int choose_campaign(struct run_options *options, const struct cli_options *cli,
			   const json_t *described, struct campaign *ret, struct tare_err *err)
{
	options->flags.envs = options->envs.n ? options->envs.items : NULL;
	options->flags.loads = options->loads.n ? options->loads.items : NULL;
	options->flags.collectors = options->collectors.n ? options->collectors.items : NULL;
	options->flags.limits = cli->limits;
	options->flags.file = cli->n_args ? cli->args[0] : NULL;
	if (options->resume_dir)
		return resumed_campaign(options, described, ret, err);
	return campaign_from_flags(&options->flags, described, ret, err);
}

static int run_places(const struct command *command, struct run_options *options,
		      const struct cli_options *cli, struct places *places)
{
	cleanup_json json_t *described = NULL;
	cleanup_free char *dir = NULL;
	struct campaign campaign = {0};
	struct tare_err err = {0};
	int r = trial_describe_loads(places->load_path, &described, &err);

	if (r < 0)
		return command_fail(command, &err);
	if (choose_campaign(options, cli, described, &campaign, &err) < 0)
		return command_misuse(command, &err);
	draw_seed(&campaign);
	if (options->dry_run) {
		r = campaign_to_yaml(&campaign, stdout, &err);
	} else {
		const char *given = options->resume_dir ? options->resume_dir : options->out_dir;

		dir = given ? strdup(given) : new_run_dir(places->results_dir);
		r = dir ? run_check_rights(&campaign, &err)
			: err_set(&err, ENOMEM, "out of memory");
		if (r == 0)
			r = run_check_collectors(&campaign, options->collectors.n > 0, &err);
		if (r == 0)
			r = places_open(places, true, &err);
		if (r == 0)
			r = carry_out(options, cli, places, &campaign, described, dir, &err);
	}
	campaign_clear(&campaign);
	return r < 0 ? command_fail(command, &err) : r;
}

static int run_as(const struct command *command, bool ladder, int argc, char **argv)
{
	struct run_options options = {.flags.ladder = ladder};
	struct cli_options cli;
	struct places places = {0};
	struct tare_err err = {0};
	int code = options_read(command, argc, argv, &options, &cli);

	if (code != OPTIONS_GO_ON)
		return code;
	if (options_at_most(&cli, ladder ? 0 : 1, &err) < 0)
		return command_misuse(command, &err);
	if (places_find(&places, &err) < 0)
		return command_fail(command, &err);
	interrupted = interrupt_catch();
	code = run_places(command, &options, &cli, &places);
	if (places_close(&places, &err) < 0 && code == EXIT_OK)
		code = command_fail(command, &err);
	return code;
}

static int run_run(const struct command *command, int argc, char **argv)
{
	return run_as(command, false, argc, argv);
}

int run_ladder(const struct command *command, int argc, char **argv)
{
	return run_as(command, true, argc, argv);
}

const struct command command_run = {
	.name = "run",
	.usage = "[CAMPAIGN.yaml] [-e ENV]... [-w LOAD]... [LIMITS] [-c COLLECTORS] [options]",
	.summary = "run the same loads in several environments and compare them",
	.details = "Without a campaign file and without -e or -w, the default campaign is carried "
		   "out; --dry-run\nprints it. The last line on stdout is the run's folder, which "
		   "'tare report' reads.",
	.examples = "tare run -e native -e container -w getppid,openclose --rounds 10\n"
		    "tare run -e native -e container -w cpu-burn --cpus 0.5 --duration 10s\n"
		    "tare run -e native -e container -w pread -c syscalls\n"
		    "tare run docs/campaigns/same-limit.yaml",
	.options = run_options,
	.limits = true,
	.run = run_run,
};
