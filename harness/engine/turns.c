/* SPDX-License-Identifier: MIT */
/* Players take turns: in each pass each plays one slice, in random order, on the same CPU. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "engine/random.h"
#include "engine/set.h"
#include "stats/quantile.h"

/* The share of a slice that is played before the clock starts: it warms what the other players
 * have cooled. */
#define LEAD_IN_DIVISOR 8
/* So many doublings find the operations of a slice, from one on. */
#define CALIBRATE_STEPS 40

static int slice(struct seat *seat, uint64_t lead_in, uint64_t iters, struct trial_slice *ret)
{
	const struct play_request request = {
		.kind = PLAY_SLICE,
		.lead_in = lead_in,
		.iters = iters,
	};
	struct machine *m = seat->instance->machine;
	struct tare_err why = {0};
	int r = m->ops->slice(m, seat->player, &request, ret, &why);

	if (r < 0)
		seat_fail(seat, r, why.msg);
	seat->ended = seat->ended || r < 0 || ret->ended;
	return seat->ended ? -EPIPE : 0;
}

/* More than a slice can hold, however short an operation: what a guest tells is hostile. */
#define ITERS_MAX (1UL << 40)

/* Find the operations that fill a slice: double them until the slice is long enough to be
 * scaled, then scale. An operation longer than a slice is played once. */
static void find_iterations(struct seat *seat, uint64_t slice_ns)
{
	struct trial_slice s;

	seat->iters = 1;
	for (int step = 0; step < CALIBRATE_STEPS; step++) {
		if (slice(seat, 1, seat->iters, &s) < 0)
			return;
		if (s.ns >= slice_ns / 2)
			break;
		seat->iters *= 2;
	}
	if (s.ns > 0) {
		double iters = (double)s.ops * (double)slice_ns / (double)s.ns;

		seat->iters = iters < 1 ? 1 : iters > ITERS_MAX ? ITERS_MAX : (uint64_t)iters;
	}
}

static void calibrate(struct set *set, struct seat *seat)
{
	uint64_t begun = clock_now_ns();

	find_iterations(seat, set->instances->config->campaign->slice_ns);
	set->instances->spent.set_up_ns += clock_now_ns() - begun;
}

/* So many slices tell how long an operation takes now. */
#define WEIGH_SLICES 9

static double ns_per_op(const struct set *set, struct seat *seat)
{
	double ns[WEIGH_SLICES];
	struct trial_slice s;
	size_t n = 0;

	find_iterations(seat, set->instances->config->campaign->slice_ns);
	while (n < WEIGH_SLICES && !seat->ended && !set_interrupted(set) &&
	       slice(seat, seat->iters / LEAD_IN_DIVISOR + 1, seat->iters, &s) == 0)
		ns[n++] = (double)s.ns / (double)s.ops;
	return n ? quantile_median(ns, n) : 0;
}

static const struct seat *slowed_seat(const struct set *set)
{
	for (size_t i = 0; i < set->n_seats; i++)
		if (set->seats[i].env->slowdown_pct > 0)
			return &set->seats[i];
	return NULL;
}

/* A known slowdown is a share of what an operation takes. Of the first round a player of the same
 * environment, which is let go again, tells how long that is. All that are slowed down are of one
 * environment. */
static void weigh(struct set *set)
{
	const struct seat *slowed = slowed_seat(set);
	struct seat probe = {0};

	if (!slowed)
		return;
	if (!(set->weighed_ns > 0)) {
		probe.env = slowed->env;
		probe.spec = slowed->spec;
		if (seat_start(set, &probe) == 0)
			set->weighed_ns = ns_per_op(set, &probe);
		seat_finish(set, &probe);
		json_decref(probe.read);
		/* Nobody has a seat in it yet: the set gets a guest that works. */
		(void)instances_close_broken(set->instances, NULL);
	}
	for (size_t i = 0; i < set->n_seats; i++) {
		struct seat *seat = &set->seats[i];

		if (!(seat->env->slowdown_pct > 0))
			continue;
		seat->delay_ns = set->weighed_ns * seat->env->slowdown_pct / 100;
		if (seat->delay_ns > 0)
			continue;
		seat->ended = true;
		seat_fail(seat, -ENODATA, "its operations ended before they could be timed");
		if (probe.status[0]) {
			memcpy(seat->status, probe.status, sizeof(seat->status));
			memcpy(seat->why, probe.why, sizeof(seat->why));
		}
	}
}

/* In turns an operation takes longer than alone: the next round goes by those of this one. */
static int weigh_again(struct set *set, struct tare_err *err)
{
	const struct seat *slowed = slowed_seat(set);

	for (size_t i = 0; slowed && i < set->n_seats; i++) {
		const struct seat *seat = &set->seats[i];
		cleanup_free double *ns = NULL;

		if (strcmp(seat->env->label, slowed->env->twin_of) != 0 || seat->n_turns == 0)
			continue;
		ns = calloc(seat->n_turns, sizeof(*ns));
		if (!ns)
			return err_set(err, ENOMEM, "out of memory");
		for (size_t t = 0; t < seat->n_turns; t++)
			ns[t] = (double)seat->ns[t] / (double)seat->ops[t];
		set->weighed_ns = quantile_median(ns, seat->n_turns);
	}
	return 0;
}

static int reserve(struct seat *seat, uint64_t passes)
{
	seat->pass = calloc(passes, sizeof(*seat->pass));
	seat->turn_position = calloc(passes, sizeof(*seat->turn_position));
	seat->ops = calloc(passes, sizeof(*seat->ops));
	seat->ns = calloc(passes, sizeof(*seat->ns));
	return seat->pass && seat->turn_position && seat->ops && seat->ns ? 0 : -ENOMEM;
}

static void play_turn(struct set *set, struct seat *seat, uint64_t pass, size_t position)
{
	uint64_t lead_in = seat->iters / LEAD_IN_DIVISOR + 1, begun;
	struct trial_slice s;
	int r;

	if (seat->ended)
		return;
	begun = clock_now_ns();
	r = slice(seat, lead_in, seat->iters, &s);
	spent_add_turn(&set->instances->spent, clock_now_ns() - begun, lead_in, r < 0 ? NULL : &s);
	if (r < 0)
		return;
	seat->pass[seat->n_turns] = pass;
	seat->turn_position[seat->n_turns] = position;
	seat->ops[seat->n_turns] = s.ops;
	seat->ns[seat->n_turns] = s.ns;
	seat->n_turns++;
}

static int play_passes(struct set *set, uint64_t passes)
{
	const struct campaign *campaign = set->instances->config->campaign;
	struct random random = random_for(campaign->seed, set->group->name, set->round, set->name,
					  "order of players in a pass");
	size_t order[SET_ENVS_MAX];

	for (uint64_t pass = 0; pass < passes; pass++) {
		random_permute(&random, order, set->n_seats);
		for (size_t i = 0; i < set->n_seats; i++) {
			play_turn(set, &set->seats[order[i]], pass, i);
			if (set_interrupted(set))
				return -EINTR;
		}
	}
	return 0;
}

/* What `bench turns` holds turns against: one player after the other, each with all its slices
 * at once, as every other harness does it. */
static int play_one_after_the_other(struct set *set, uint64_t passes)
{
	for (size_t i = 0; i < set->n_seats; i++) {
		struct seat *seat = &set->seats[i];

		if (!seat->ended && seat_start(set, seat) == 0) {
			calibrate(set, seat);
			for (uint64_t pass = 0; pass < passes; pass++)
				play_turn(set, seat, pass, i);
		}
		seat_finish(set, seat);
		if (set_interrupted(set))
			return -EINTR;
	}
	return 0;
}

int turns_play(struct set *set, struct tare_err *err)
{
	const struct engine_config *config = set->instances->config;
	uint64_t passes = config->campaign->passes;
	int r;

	for (size_t i = 0; i < set->n_seats; i++) {
		if (reserve(&set->seats[i], passes) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	weigh(set);
	if (config->solo_turns)
		return play_one_after_the_other(set, passes);
	for (size_t i = 0; i < set->n_seats; i++) {
		if (!set->seats[i].ended && seat_start(set, &set->seats[i]) == 0)
			calibrate(set, &set->seats[i]);
		if (set_interrupted(set))
			return -EINTR;
	}
	r = play_passes(set, passes);
	return r < 0 ? r : weigh_again(set, err);
}

int solo_play(struct set *set, struct tare_err *err)
{
	const struct play_request request = {
		.kind = PLAY_SOLO,
		.duration_ns = set->group->solo_ns,
	};

	for (size_t i = 0; i < set->n_seats; i++) {
		struct seat *seat = &set->seats[i];
		struct trial_slice s;
		struct tare_err why = {0};

		if (reserve(seat, 1) < 0)
			return err_set(err, ENOMEM, "out of memory");
		/* It cannot be called back once it plays. */
		if (set_is_over_in(set, set->group->solo_ns))
			return -EINTR;
		if (seat_start(set, seat) == 0) {
			struct machine *m = seat->instance->machine;
			uint64_t begun = clock_now_ns();
			int r = m->ops->slice(m, seat->player, &request, &s, &why);

			set->instances->spent.slices_ns += clock_now_ns() - begun;
			if (r < 0)
				seat_fail(seat, r, why.msg);
			if (r == 0 && !s.ended) {
				seat->ops[0] = s.ops;
				seat->ns[0] = s.ns;
				seat->n_turns = 1;
			}
		}
		seat_finish(set, seat);
		if (set_interrupted(set))
			return -EINTR;
	}
	return 0;
}
