/* SPDX-License-Identifier: MIT */
/* kill: killing a group leaves nobody, not of a hundred that sleep and not of those that fork on
 * while they are killed.
 *
 * Who is alive is told by who still has the payload's stdout open, in whichever group it is. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/alive.h"
#include "check/run/run.h"

#define SLEEPERS   100
#define CHURNERS   16
#define TURN_NS    (400 * NS_PER_MS)
#define TURNS_MAX  20
#define KILL_MS    5000
#define SETTLE_MS  500 /* what was killed has closed its files by then */
#define ROUNDS     5
#define ROUNDS_MIN 1

extern const struct check_ops check_ops_kill;

struct wave {
	const char *by;
	unsigned int n;
	bool churns;                /* their number is never exact */
	unsigned int before, after; /* alive, seen by their stdout */
	uint64_t took_ns;           /* until the group was empty */
};

static int kill_wave(struct check_player *player, const char *pipe, bool limited, struct wave *wave,
		     struct tare_err *err)
{
	uint64_t begin = clock_now_ns();
	int r = limited ? cgroup_kill(check_cgroup(player), KILL_MS, err) : 0;

	if (r < 0)
		return r;
	wave->took_ns = clock_now_ns() - begin;
	r = check_wait_silence(player, SETTLE_MS, err);
	if (r >= 0)
		r = check_count_alive(pipe, &wave->after, err);
	return r < 0 ? r : check_end_survivors(pipe, err);
}

/* On a slow machine forking a hundred takes more than a turn. */
static int come_up(struct check_player *player, const char *pipe, struct wave *wave,
		   struct tare_err *err)
{
	struct check_turn turn;
	int r = 0;

	for (int i = 0; i < TURNS_MAX && r == 0 && wave->before <= (wave->churns ? 1 : wave->n);
	     i++) {
		r = check_play(player, TURN_NS, &turn, err);
		if (r == 0)
			r = check_count_alive(pipe, &wave->before, err);
	}
	return r;
}

static int play_wave(struct check_run *run, bool limited, struct wave *wave, struct tare_err *err)
{
	char params[64], pipe[64];
	const struct check_load load = {.load = "fork-many",
					.params = params,
					.safety = "pids-limit=160 memory=512M cpus=0.5"};
	struct check_player *player;
	int r;

	(void)snprintf(params, sizeof(params), "n=%u by=%s", wave->n, wave->by);
	if ((r = check_start(run, &load, limited, &player, err)) < 0 ||
	    (r = check_stdout_name(player, pipe, sizeof(pipe), err)) < 0 ||
	    (r = come_up(player, pipe, wave, err)) < 0)
		return r;
	r = kill_wave(player, pipe, limited, wave, err);
	return r < 0 ? r : check_stop(player, err);
}

static json_t *wave_to_json(const struct wave *wave, bool limited)
{
	json_t *object = json_pack("{s:s, s:i, s:i}", "by", wave->by, "alive_before",
				   (int)wave->before, "alive_after", (int)wave->after);

	if (limited)
		(void)json_object_set_new(object, "empty_after_ns", json_u64(wave->took_ns));
	return object;
}

static int kill_measure(struct check_run *run, bool limited, struct check_figure *ret,
			struct tare_err *err)
{
	unsigned int rounds = check_times(run, ROUNDS, ROUNDS_MIN);
	json_t *list = json_array();

	ret->details = json_pack("{s:o}", "waves", list);
	for (unsigned int i = 0; i < 2 * rounds; i++) {
		struct wave sleepers = {.by = "orphan", .n = SLEEPERS};
		struct wave churners = {.by = "churn", .n = CHURNERS, .churns = true};
		struct wave *wave = i % 2 ? &churners : &sleepers;
		int r;

		/* Who forks on and gets away is not to be had twice; nor without a kill. */
		if (wave == &churners && (!limited || ret->value > 0))
			continue;
		r = play_wave(run, limited, wave, err);
		if (r < 0)
			return r;
		if (wave == &sleepers && wave->before <= SLEEPERS)
			return err_set(err, EIO, "%u of %d tasks came up", wave->before,
				       SLEEPERS + 1);
		ret->value = wave->after > ret->value ? wave->after : ret->value;
		ret->n++;
		(void)json_array_append_new(list, wave_to_json(wave, limited));
	}
	return 0;
}

const struct check_ops check_ops_kill = {
	.name = "kill",
	.summary = "who is alive after a group of 100, or one that forks on, was killed",
	.claim = "nobody of a group is alive when it was killed, however fast they fork",
	.limits = "",
	.unit = "tasks",
	.low = 0,
	.high = 0,
	.tolerance = "0 tasks alive, told by who has the payload's stdout open (cgroup-v2.rst, "
		     "cgroup.kill)",
	.measure = kill_measure,
};
