/* SPDX-License-Identifier: MIT */
#include "check/run/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

/* Of two that are no more than they may be: a miss that nothing excuses is worse than one that
 * something does, and else what is farther off. */
static bool is_farther(double least, const struct check_figure *one,
		       const struct check_figure *than)
{
	bool one_is_excused = one->disturbed[0], than_is_excused = than->disturbed[0];

	if (one->value < least && than->value < least && one_is_excused != than_is_excused)
		return than_is_excused;
	/* Nothing at all, or less, is as far as can be. */
	return than->value > 0 &&
	       (one->value <= 0 || fabs(log(one->value)) > fabs(log(than->value)));
}

static bool is_worse(double least, double most, const struct check_figure *one,
		     const struct check_figure *than)
{
	bool is_over = one->value > most, was_over = than->value > most;

	if (is_over != was_over)
		return is_over;
	return is_over ? one->value > than->value : is_farther(least, one, than);
}

void check_keep_worst(double least, double most, const struct check_figure *one,
		      struct check_figure *figure)
{
	if (figure->n == 0 || is_worse(least, most, one, figure)) {
		figure->value = one->value;
		memcpy(figure->disturbed, one->disturbed, sizeof(figure->disturbed));
	}
	figure->n += one->n;
}

/* Of who has no limit, the way that is nearest to what a limit would have let through: each is to
 * show that the limit held it back. */
static void keep_nearest(const struct check_figure *one, struct check_figure *figure)
{
	if (figure->n == 0 || one->value < figure->value) {
		figure->value = one->value;
		memcpy(figure->disturbed, one->disturbed, sizeof(figure->disturbed));
	}
	figure->n += one->n;
}

static void explain(const struct check_stream *stream, const struct check_machine *before,
		    const struct check_turn *turn, struct check_figure *one)
{
	double own = stream->disk ? one->value * stream->rate * (double)turn->ns / 1e9 : 0;
	struct check_machine after;

	if (one->value >= stream->least)
		return;
	check_machine_read(&after);
	if (stream->disk)
		check_disturbed_io(before, &after, turn->cpu_ns, own, one);
	else
		check_disturbed(before, &after, turn->cpu_ns, one);
}

static int rate_of(const struct check_stream *stream, struct check_player *player,
		   const struct check_turn *turn, double *ret, struct tare_err *err)
{
	struct play_result result;
	/* In any case: whoever ends by himself takes his file with him. */
	int r = check_finish(player, &result, err);

	*ret = stream->op_bytes * (double)turn->ops / ((double)turn->ns / 1e9);
	if (r < 0 || stream->op_bytes > 0)
		return r;
	return check_figure_of(&result, "bytes_per_s", ret, err);
}

int check_stream(struct check_run *run, const struct check_stream *stream, const char *name,
		 const struct check_load *load, bool limited, struct check_figure *figure,
		 struct tare_err *err)
{
	struct check_player *player;
	struct check_machine before;
	struct check_turn turn;
	struct check_figure one = {.n = 1};
	int r = check_start(run, load, limited, &player, err);

	if (r == 0 && stream->skip_ns)
		r = check_play(player, stream->skip_ns, &turn, err);
	check_machine_read(&before);
	if (r < 0 || (r = check_play(player, stream->duration_ns, &turn, err)) < 0)
		return r;
	r = rate_of(stream, player, &turn, &one.value, err);
	if (r < 0)
		return r;
	one.value /= stream->rate;
	if (limited) {
		explain(stream, &before, &turn, &one);
		check_keep_worst(stream->least, stream->most, &one, figure);
	} else {
		if (one.value < stream->least)
			(void)snprintf(one.disturbed, sizeof(one.disturbed),
				       "without the limit it did not reach the rate either");
		keep_nearest(&one, figure);
	}
	(void)json_object_set_new(figure->details, name, json_number(one.value));
	return check_stop(player, err);
}
