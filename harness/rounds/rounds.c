/* SPDX-License-Identifier: MIT */
#include "rounds/rounds.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/args.h"
#include "engine/validity.h"

/* A round that was disturbed is played again, but not for ever. */
#define AGAIN_MAX 2

struct rounds rounds_begin(const struct rounds_asked *asked)
{
	uint64_t budget = asked->time_budget_ns;

	return (struct rounds){.asked = asked->rounds,
			       .deadline_ns = budget ? clock_now_ns() + budget : 0,
			       .end = "complete"};
}

int rounds_ended(struct rounds *rounds, int r)
{
	if (r == -EINTR)
		rounds->end = "interrupted";
	if (r == -ETIME)
		rounds->end = "time budget";
	return r == -EINTR || r == -ETIME ? 0 : r;
}

bool rounds_count(const struct rounds *rounds, size_t round)
{
	return round < rounds->n && rounds->items[round].complete &&
	       !json_object_get(rounds->items[round].validity, "void");
}

size_t rounds_n_that_count(const struct rounds *rounds)
{
	size_t n = 0;

	for (size_t i = 0; i < rounds->n; i++)
		n += rounds_count(rounds, i);
	return n;
}

static int play_one(struct rounds *rounds,
		    int (*play)(void *context, size_t round, struct tare_err *err), void *context,
		    struct tare_err *err)
{
	struct round *items = realloc(rounds->items, (rounds->n + 1) * sizeof(*items));
	struct validity before;
	uint64_t begun = clock_now_ns(), took;
	int r;

	if (!items)
		return err_set(err, ENOMEM, "out of memory");
	rounds->items = items;
	validity_begin(&before, rounds->cpu);
	r = play(context, rounds->n, err);
	items[rounds->n++] = (struct round){validity_end(&before), r == 0};
	took = clock_now_ns() - begun;
	rounds->longest_ns = took > rounds->longest_ns ? took : rounds->longest_ns;
	return r;
}

int rounds_play(struct rounds *rounds,
		int (*play)(void *context, size_t round, struct tare_err *err), void *context,
		struct tare_err *err)
{
	int r = 0;

	while (r == 0 && rounds_n_that_count(rounds) < rounds->asked) {
		if (rounds->n == AGAIN_MAX * rounds->asked) {
			rounds->end = "steal";
			return 0;
		}
		if (rounds->deadline_ns &&
		    clock_now_ns() + rounds->longest_ns > rounds->deadline_ns)
			r = -ETIME;
		else
			r = play_one(rounds, play, context, err);
	}
	return rounds_ended(rounds, r);
}

static void put_asked(json_t *document, const struct rounds_asked *asked)
{
	(void)json_put(document, "seed", json_u64(asked->seed));
	(void)json_put(document, "warmup", json_u64(asked->warmup));
	(void)json_put(document, "rounds_asked", json_u64(asked->rounds));
	(void)json_put(document, "time_budget_ns", json_u64(asked->time_budget_ns));
	(void)json_put(document, "effect_pct", json_number(100 * asked->effect));
}

static json_t *to_json(const struct rounds *rounds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rounds->n; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:o, s:b, s:b, s:O?}", "round", json_u64(i),
						      "complete", rounds->items[i].complete,
						      "counts", rounds_count(rounds, i), "validity",
						      rounds->items[i].validity));
	return list;
}

void rounds_put(json_t *document, const struct env_list *envs, const struct rounds_asked *asked,
		const struct rounds *rounds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < envs->n; i++)
		(void)json_array_append_new(list, env_choice_to_json(&envs->items[i]));
	(void)json_put(document, "envs", list);
	put_asked(document, asked);
	(void)json_put(document, "end", json_string(rounds->end));
	(void)json_put(document, "rounds", to_json(rounds));
}

void rounds_clear(struct rounds *rounds)
{
	for (size_t i = 0; i < rounds->n; i++)
		json_decref(rounds->items[i].validity);
	free(rounds->items);
	rounds->items = NULL;
	rounds->n = 0;
}
