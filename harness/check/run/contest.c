/* SPDX-License-Identifier: MIT */
#include "check/run/contest.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "stats/location.h"

#define PATIENCE_MS 60000

static int play_both(struct check_player *players[2], const struct check_contest *contest,
		     double *ret_log_ratio, uint64_t *cpu_ns, struct tare_err *err)
{
	struct check_turn turns[2];
	int r;

	for (size_t i = 0; i < 2; i++)
		if ((r = check_begin(players[i], contest->duration_ns, err)) < 0)
			return r;
	for (size_t i = 0; i < 2; i++) {
		r = check_end(players[i], PATIENCE_MS, &turns[i], err);
		if (r < 0)
			return r;
		if (r == 0 || turns[i].ended || turns[i].cpu_ns == 0)
			return err_set(err, EIO, "a load did not end its turn");
		*cpu_ns += turns[i].cpu_ns;
	}
	*ret_log_ratio = contest->log_ratio(turns);
	return 0;
}

int check_contest_play(struct check_player *players[2], const struct check_contest *contest,
		       struct check_figure *ret, struct tare_err *err)
{
	cleanup_free double *ratios = calloc(contest->n, sizeof(*ratios));
	struct location location = {0};
	struct check_machine before, after;
	json_t *list = json_array();
	uint64_t cpu_ns = 0;
	int r = ratios ? 0 : err_set(err, ENOMEM, "out of memory");

	if (!ret->details)
		ret->details = json_object();
	(void)json_object_set_new(ret->details, "ratios", list);
	check_machine_read(&before);
	for (unsigned int i = 0; i < contest->n && r == 0; i++) {
		r = play_both(players, contest, &ratios[i], &cpu_ns, err);
		(void)json_array_append_new(list, json_number(exp(ratios[i])));
	}
	check_machine_read(&after);
	if (r == 0)
		r = location_of(ratios, contest->n, &location, err);
	if (r < 0)
		return r;
	ret->n = contest->n;
	ret->value = exp(location.estimate);
	ret->low = exp(location.low);
	ret->high = exp(location.high);
	if (ret->value < contest->least && ret->value > sqrt(contest->least))
		check_disturbed(&before, &after, cpu_ns, ret);
	return 0;
}
