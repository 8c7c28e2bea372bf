/* SPDX-License-Identifier: MIT */
#include "check/run/stream.h"

#include <math.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

static void keep_worst(const struct check_stream *stream, double share, struct check_figure *figure)
{
	bool is_over = share > stream->most;
	bool was_over = figure->value > stream->most;
	bool farther = fabs(log(share)) > fabs(log(figure->value));

	if (figure->n == 0 || (is_over == was_over ? farther : is_over))
		figure->value = share;
	figure->n++;
	/* That others took something is no excuse for having too much. */
	if (figure->value > stream->most)
		figure->disturbed[0] = '\0';
}

static void explain(const struct check_stream *stream, double share,
		    const struct check_machine *before, const struct check_turn *turn,
		    struct check_figure *figure)
{
	double own = stream->disk ? share * stream->rate * (double)turn->ns / 1e9 : 0;
	struct check_machine after;

	if (share >= stream->least)
		return;
	check_machine_read(&after);
	if (stream->disk)
		check_disturbed_io(before, &after, turn->cpu_ns, own, figure);
	else
		check_disturbed(before, &after, turn->cpu_ns, figure);
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
	double share = 0;
	int r = check_start(run, load, limited, &player, err);

	if (r == 0 && stream->skip_ns)
		r = check_play(player, stream->skip_ns, &turn, err);
	check_machine_read(&before);
	if (r < 0 || (r = check_play(player, stream->duration_ns, &turn, err)) < 0)
		return r;
	r = rate_of(stream, player, &turn, &share, err);
	if (r < 0)
		return r;
	share /= stream->rate;
	explain(stream, share, &before, &turn, figure);
	keep_worst(stream, share, figure);
	(void)json_object_set_new(figure->details, name, json_number(share));
	return check_stop(player, err);
}
