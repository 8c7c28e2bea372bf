/* SPDX-License-Identifier: MIT */
/* pids: a group holds exactly as many tasks as it may, however they are made. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define LIMIT   12
#define WANTED  40
#define TURN_NS (300 * NS_PER_MS)

extern const struct check_ops check_ops_pids;

static int pids_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_PIDS, err);
}

/* How many tasks there were when the next one was refused with EAGAIN; -ENOSYS: the box has no
 * such call. */
static int count_tasks(struct check_run *run, bool limited, const char *by, double *ret_tasks,
		       double *ret_refused, struct tare_err *err)
{
	char params[64], limits[64];
	const struct check_load load = {.load = "fork-many",
					.params = params,
					.limits = limits,
					.safety = "pids-limit=256 memory=512M cpus=0.9"};
	struct check_player *player;
	struct play_result result;
	struct check_turn turn;
	struct tare_err why = {0};
	int r;

	(void)snprintf(params, sizeof(params), "n=%d by=%s", WANTED, by);
	(void)snprintf(limits, sizeof(limits), "pids-limit=%d", LIMIT);
	r = check_start(run, &load, limited, &player, err);
	if (r < 0)
		return r;
	r = check_play(player, TURN_NS, &turn, &why);
	/* A filter may take a call away; it is no matter of limits. */
	if (r == -EIO && strstr(why.msg, "clone3") && strstr(why.msg, "not implemented"))
		return -ENOSYS;
	if (r < 0)
		return err_set(err, -r, "%s", why.msg);
	if ((r = check_finish(player, &result, err)) < 0 ||
	    (r = check_figure_of(&result, "children", ret_tasks, err)) < 0 ||
	    (r = check_figure_of(&result, "refused", ret_refused, err)) < 0)
		return r;
	*ret_tasks += 1; /* itself */
	return check_stop(player, err);
}

static int pids_measure(struct check_run *run, bool limited, struct check_figure *ret,
			struct tare_err *err)
{
	static const char *const ways[] = {"fork", "clone3", "thread"};

	ret->details = json_pack("{s:i}", "limit", LIMIT);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		double tasks = 0, refused = 0, off;
		int r = count_tasks(run, limited, ways[i], &tasks, &refused, err);

		if (r == -ENOSYS) {
			(void)json_object_set_new(ret->details, ways[i],
						  json_string("the box's filter has no such call"));
			continue;
		}
		if (r < 0)
			return r;
		(void)json_object_set_new(ret->details, ways[i],
					  json_pack("{s:o, s:o}", "tasks", json_number(tasks),
						    "refused", json_number(refused)));
		off = tasks - LIMIT;
		ret->value = fabs(off) > fabs(ret->value) ? off : ret->value;
		ret->n++;
	}
	return 0;
}

const struct check_ops check_ops_pids = {
	.name = "pids",
	.summary = "tasks that a group holds when the next is refused, by fork, clone3 and thread",
	.claim = "a group holds exactly as many tasks as it may, and one more is EAGAIN",
	.limits = "pids-limit",
	.unit = "tasks",
	.low = 0,
	.high = 0,
	.tolerance = "0 tasks more or less than the limit, the worst of the ways (cgroup-v2.rst, "
		     "pids.max)",
	.probe = pids_probe,
	.measure = pids_measure,
};
