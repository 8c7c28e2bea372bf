/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "density/climb.h"
#include "engine/random.h"

const char *const density_stop_names[DENSITY_STOPS] = {"max", "memory", "time", "refused"};

struct density {
	const struct density_plan *plan;
	struct density_result *result;
	unsigned int machines; /* made so far */
	size_t round;
	const struct env_choice *env; /* that climbs now */
};

static void tell(size_t up, void *context)
{
	const struct density *d = context;
	double climbs = (double)(d->plan->asked.rounds * d->plan->envs->n);
	double done = (double)d->result->n_climbs + (double)up / (double)d->plan->max;
	const struct density_progress progress = {
		.fraction = done / climbs, .round = d->round, .env = d->env->label, .up = up};

	if (d->plan->progress)
		d->plan->progress(&progress);
}

static struct density_ascent ascent_of(struct density *d, size_t env, size_t max)
{
	d->env = &d->plan->envs->items[env];
	return (struct density_ascent){.plan = d->plan,
				       .env = d->env,
				       .max = max,
				       .deadline_ns = d->result->rounds.deadline_ns,
				       .machines = &d->machines,
				       .progress = tell,
				       .context = d};
}

/* Room for one more climb, with as many boxes as it may have. */
static int make_room(struct density *d, struct tare_err *err)
{
	struct density_result *result = d->result;
	struct density_climb *climbs =
		realloc(result->climbs, (result->n_climbs + 1) * sizeof(*climbs));
	struct density_box *boxes;

	if (!climbs)
		return err_set(err, ENOMEM, "out of memory");
	result->climbs = climbs;
	boxes = realloc(result->boxes, (result->n_boxes + d->plan->max) * sizeof(*boxes));
	if (!boxes)
		return err_set(err, ENOMEM, "out of memory");
	result->boxes = boxes;
	return 0;
}

/* That it is ended is no failure, and has no words. */
static int say_whose(const struct density *d, int r, struct tare_err *err)
{
	return r == 0 || r == -EINTR || r == -ETIME ? r : err_wrap(err, r, "'%s'", d->env->label);
}

static int climb_once(struct density *d, size_t round, size_t env, size_t position,
		      struct tare_err *err)
{
	struct density_result *result = d->result;
	const struct density_ascent ascent = ascent_of(d, env, d->plan->max);
	struct density_climb *climb;
	int r = make_room(d, err);

	if (r < 0)
		return r;
	climb = &result->climbs[result->n_climbs];
	*climb = (struct density_climb){.round = round, .env = env, .position = position};
	r = density_climb(&ascent, climb, result->boxes + result->n_boxes, err);
	for (size_t i = 0; i < climb->boxes; i++)
		result->boxes[result->n_boxes + i].climb = result->n_climbs;
	result->n_boxes += climb->boxes;
	result->n_climbs++;
	return say_whose(d, r, err);
}

static int play_round(void *context, size_t round, struct tare_err *err)
{
	struct density *d = context;
	struct random random = random_for(d->plan->asked.seed, "density", round, "", "order");
	size_t n = d->plan->envs->n;
	cleanup_free size_t *order = calloc(n, sizeof(*order));
	int r = order ? 0 : err_set(err, ENOMEM, "out of memory");

	d->round = round;
	if (r == 0)
		random_permute(&random, order, n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = climb_once(d, round, order[i], i, err);
	return r;
}

static void tell_nothing(size_t up, void *context)
{
	(void)up;
	(void)context;
}

static void tell_warm_up(const struct density *d)
{
	const struct density_progress progress = {.warming_up = true, .env = d->env->label};

	if (d->plan->progress)
		d->plan->progress(&progress);
}

/* A box of each: images are made, guests saved, files read into memory. */
static int warm_up(struct density *d, struct tare_err *err)
{
	int r = 0;

	for (uint64_t i = 0; i < d->plan->asked.warmup; i++)
		for (size_t env = 0; env < d->plan->envs->n && r == 0; env++) {
			struct density_ascent ascent = ascent_of(d, env, 1);
			struct density_climb climb = {0};
			struct density_box box;

			tell_warm_up(d);
			ascent.progress = tell_nothing;
			r = density_climb(&ascent, &climb, &box, err);
			json_decref(climb.instance);
			r = say_whose(d, r, err);
		}
	return r;
}

/* Each box is some descriptors of ours. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int density_play(const struct density_plan *plan, struct density_result *ret, struct tare_err *err)
{
	struct density d = {.plan = plan, .result = ret};
	int r;

	*ret = (struct density_result){.rounds = rounds_begin(&plan->asked)};
	allow_descriptors();
	r = warm_up(&d, err);
	if (r == 0)
		r = rounds_play(&ret->rounds, play_round, &d, err);
	return rounds_ended(&ret->rounds, r);
}

void density_result_clear(struct density_result *result)
{
	for (size_t i = 0; i < result->n_climbs; i++)
		json_decref(result->climbs[i].instance);
	rounds_clear(&result->rounds);
	free(result->climbs);
	free(result->boxes);
}
