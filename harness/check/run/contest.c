/* SPDX-License-Identifier: MIT */
#include "check/run/contest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "stats/location.h"

#define PATIENCE_MS 60000
/* Of all there was: with less of it used it was not wanted all the time. */
#define WANTED      0.95

/* Of both, over all turns. */
struct total {
	uint64_t cpu_ns, ops, ns;
};

static int play_both(struct check_player *players[2], const struct check_contest *contest,
		     double *ret_log_ratio, struct total *total, struct tare_err *err)
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
		total->cpu_ns += turns[i].cpu_ns;
		total->ops += turns[i].ops;
	}
	total->ns += turns[0].ns > turns[1].ns ? turns[0].ns : turns[1].ns;
	*ret_log_ratio = contest->log_ratio(turns);
	return 0;
}

static void explain(const struct check_contest *contest, const struct total *total,
		    const struct check_machine *before, struct check_figure *figure)
{
	double ops = total->ns ? (double)total->ops * 1e9 / (double)total->ns : 0;
	struct check_machine after;

	check_machine_read(&after);
	(void)json_object_set_new(figure->details, "ops_per_s", json_number(ops));
	if (figure->low >= contest->least || figure->value <= sqrt(contest->least))
		return;
	if (contest->full_ops > 0 && ops < WANTED * contest->full_ops)
		(void)snprintf(figure->disturbed, sizeof(figure->disturbed),
			       "both together used %.0f %% of what there was: the machine did not "
			       "let them want all of it",
			       100 * ops / contest->full_ops);
	else
		check_disturbed(before, &after, total->cpu_ns, figure);
}

int check_contest_play(struct check_player *players[2], const struct check_contest *contest,
		       struct check_figure *ret, struct tare_err *err)
{
	cleanup_free double *ratios = calloc(contest->n, sizeof(*ratios));
	struct location location = {0};
	struct play_result result;
	struct check_machine before;
	json_t *list = json_array();
	struct total total = {0};
	int r = ratios ? 0 : err_set(err, ENOMEM, "out of memory");

	if (!ret->details)
		ret->details = json_object();
	(void)json_object_set_new(ret->details, "ratios", list);
	check_machine_read(&before);
	for (unsigned int i = 0; i < contest->n && r == 0; i++) {
		r = play_both(players, contest, &ratios[i], &total, err);
		(void)json_array_append_new(list, json_number(exp(ratios[i])));
	}
	if (r == 0)
		r = location_of(ratios, contest->n, &location, err);
	if (r < 0)
		return r;
	ret->n = contest->n;
	ret->value = exp(location.estimate);
	ret->low = exp(location.low);
	ret->high = exp(location.high);
	explain(contest, &total, &before, ret);
	/* Whoever ends by himself takes his file with him. */
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = check_finish(players[i], &result, err);
	return r;
}
