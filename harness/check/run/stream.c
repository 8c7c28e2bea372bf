/* SPDX-License-Identifier: MIT */
#include "check/run/stream.h"

#include "check/run/run.h"

int check_stream(struct check_run *run, const struct check_load *load, bool limited,
		 uint64_t duration_ns, double *ret_bytes_per_s, struct tare_err *err)
{
	struct check_player *player;
	struct play_result result;
	struct check_turn turn;
	int r = check_start(run, load, limited, &player, err);

	if (r < 0)
		return r;
	if ((r = check_play(player, duration_ns, &turn, err)) < 0 ||
	    (r = check_finish(player, &result, err)) < 0 ||
	    (r = check_figure_of(&result, "bytes_per_s", ret_bytes_per_s, err)) < 0)
		return r;
	return check_stop(player, err);
}
