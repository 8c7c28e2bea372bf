/* SPDX-License-Identifier: MIT */
#include "cli/startup/play.h"

#include <limits.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/log.h"
#include "cli/places.h"
#include "engine/random.h"

struct startup {
	const struct startup_plan *plan;
	struct places *places;
	volatile sig_atomic_t *interrupted;
	struct startup_result *result;
	char tare[PATH_MAX];
	unsigned int machines; /* made so far */
};

static int by_hyperfine(struct startup *s, const struct env_choice *env, struct launch_times *ret,
			struct tare_err *err)
{
	cleanup_free char *command = launch_command(s->tare, env, s->places->libexec_dir);

	if (!command)
		return err_set(err, ENOMEM, "out of memory");
	return launch_by_hyperfine(s->places, command, ret, err);
}

/* Each environment is two of them: by hyperfine, and by ourselves. */
static int play_items(struct startup *s, size_t round, const char *purpose,
		      struct startup_run *runs, struct tare_err *err)
{
	struct random random = random_for(s->plan->asked.seed, "startup", round, "", purpose);
	size_t n = s->plan->envs->n;
	cleanup_free size_t *order = calloc(2 * n, sizeof(*order));
	int r = order ? 0 : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		random_permute(&random, order, 2 * n);
	for (size_t i = 0; i < 2 * n && r == 0; i++) {
		struct startup_run *run = &runs[order[i] / 2];
		const struct env_choice *env = &s->plan->envs->items[order[i] / 2];

		run->round = round;
		run->env = order[i] / 2;
		if (order[i] % 2) {
			run->timed_at = i;
			r = by_hyperfine(s, env, &run->times, err);
		} else {
			run->seen_at = i;
			json_decref(run->spans.instance);
			r = launch_ourselves(s->places, env, s->machines++, s->interrupted,
					     &run->spans, err);
		}
		r = *s->interrupted ? -EINTR : r;
	}
	return r;
}

static int play_round(void *context, size_t round, struct tare_err *err)
{
	struct startup *s = context;
	struct startup_result *result = s->result;
	size_t n = s->plan->envs->n;
	struct startup_run *runs =
		realloc(result->runs, (result->n_runs + n) * sizeof(*result->runs));

	if (!runs)
		return err_set(err, ENOMEM, "out of memory");
	result->runs = runs;
	for (size_t i = 0; i < n; i++)
		runs[result->n_runs + i] = (struct startup_run){.round = round, .env = i};
	result->n_runs += n;
	log_progress((double)rounds_n_that_count(&result->rounds) / (double)s->plan->asked.rounds,
		     "round %zu", round + 1);
	return play_items(s, round, "order", runs + result->n_runs - n, err);
}

/* Images are made, guests saved, files read into memory. */
static int warm_up(struct startup *s, struct tare_err *err)
{
	size_t n = s->plan->envs->n;
	cleanup_free struct startup_run *runs = calloc(n, sizeof(*runs));
	int r = runs ? 0 : err_set(err, ENOMEM, "out of memory");

	for (uint64_t i = 0; i < s->plan->asked.warmup && r == 0; i++) {
		log_progress(0, "warming up");
		r = play_items(s, i, "order of warming up", runs, err);
	}
	for (size_t i = 0; runs && i < n; i++)
		json_decref(runs[i].spans.instance);
	return r;
}

int startup_play(const struct startup_plan *plan, struct places *places,
		 volatile sig_atomic_t *interrupted, struct startup_result *ret,
		 struct tare_err *err)
{
	struct startup s = {
		.plan = plan, .places = places, .interrupted = interrupted, .result = ret};
	int r;

	*ret = (struct startup_result){.rounds = rounds_begin(&plan->asked)};
	r = launch_hyperfine_version(places, ret->hyperfine, sizeof(ret->hyperfine), err);
	if (r == 0)
		r = places_find_front(places, s.tare, sizeof(s.tare), err);
	if (r == 0)
		r = warm_up(&s, err);
	if (r == 0)
		r = rounds_play(&ret->rounds, play_round, &s, err);
	log_progress_end();
	return rounds_ended(&ret->rounds, r);
}

void startup_result_clear(struct startup_result *result)
{
	for (size_t i = 0; i < result->n_runs; i++)
		json_decref(result->runs[i].spans.instance);
	rounds_clear(&result->rounds);
	free(result->runs);
}
