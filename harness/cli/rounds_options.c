/* SPDX-License-Identifier: MIT */
#include "cli/rounds_options.h"

#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/log.h"
#include "cli/options.h"
#include "engine/args.h"
#include "engine/random.h"
#include "stats/verdict.h"

#define ROUNDS_DEFAULT 10
#define ROUNDS_MAX     100000

int rounds_take_env(void *options, const char *text, struct tare_err *err)
{
	return args_parse_envs(text, &((struct rounds_options *)options)->exec.envs, err);
}

int rounds_take_runs(void *options, const char *text, struct tare_err *err)
{
	return units_parse_count("--runs", text, 1, ROUNDS_MAX,
				 &((struct rounds_options *)options)->asked.rounds, err);
}

int rounds_take_warmup(void *options, const char *text, struct tare_err *err)
{
	return units_parse_count("--warmup", text, 0, ROUNDS_MAX,
				 &((struct rounds_options *)options)->asked.warmup, err);
}

int rounds_take_budget(void *options, const char *text, struct tare_err *err)
{
	return units_parse_time("--time-budget", text,
				&((struct rounds_options *)options)->asked.time_budget_ns, err);
}

int rounds_take_effect(void *options, const char *text, struct tare_err *err)
{
	struct rounds_asked *asked = &((struct rounds_options *)options)->asked;
	int r = units_parse_number("--effect", text, 0.01, 100, &asked->effect, err);

	asked->effect /= 100;
	return r;
}

int rounds_take_seed(void *options, const char *text, struct tare_err *err)
{
	return units_parse_count("--seed", text, 0, INT64_MAX,
				 &((struct rounds_options *)options)->asked.seed, err);
}

struct rounds_options rounds_options_default(uint64_t warmup)
{
	return (struct rounds_options){.asked = {.rounds = ROUNDS_DEFAULT,
						 .warmup = warmup,
						 .seed = random_seed(),
						 .effect = VERDICT_EFFECT_DEFAULT}};
}

int rounds_tell(const json_t *document, void (*print)(const json_t *document),
		const struct cli_options *cli, struct tare_err *err)
{
	const char *end = json_string_or(document, "end", "");
	int r;

	if (!cli->json)
		print(document);
	r = cli->json ? command_print_json(document, err) : command_end_output(err);
	if (r < 0)
		return r;
	if (strcmp(end, "complete") != 0)
		log_warn("stopped early: %s", end);
	return EXIT_OK;
}
