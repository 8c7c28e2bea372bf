/* SPDX-License-Identifier: MIT */
#include "check/run/fates.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define EXIT_MS   5000
#define TURN_NS   (1500 * NS_PER_MS)
#define TURNS_MAX 20 /* a swap area may be slow */

/* It died of SIGKILL, or its runtime says so, and of nothing else. */
static int check_death(struct check_player *player, struct tare_err *err)
{
	int status = 0;
	int r = check_wait_exit(player, EXIT_MS, &status, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ETIMEDOUT, "the dead program's box did not end");
	if (WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
				: WEXITSTATUS(status) == 128 + SIGKILL)
		return 0;
	return err_set(err, EIO, "the program ended with status 0x%x, and was not killed", status);
}

/* Until it has filled all, or is dead. */
static int fill(struct check_player *player, int mib, struct check_turn *turn, struct tare_err *err)
{
	uint64_t filled = 0;

	for (int i = 0; i < TURNS_MAX && !turn->ended && filled < (uint64_t)mib; i++) {
		int r = check_play(player, TURN_NS, turn, err);

		if (r < 0)
			return r;
		filled += turn->ops;
	}
	if (!turn->ended && filled < (uint64_t)mib)
		return err_set(err, ETIMEDOUT, "%d MiB were not filled in time", mib);
	return 0;
}

struct fate {
	int mib;
	bool lives;
	bool unmet; /* it died, and the limit was never met */
};

/* Only where the limit is our group's to count; and one of no swap at all is never met, since
 * nobody asks for any: to have put that on is the fault of whoever did. */
static bool is_unmet(const struct check_run *run, const struct check_player *player,
		     const char *events)
{
	int fd = cgroup_controller_fd(check_cgroup(player), CGROUP_MEMORY, NULL);
	uint64_t met = 0, most = 0;

	return events && !check_box_limits_itself(run) &&
	       cgfile_read_key(fd, events, "max", &met, NULL) == 0 && met == 0 &&
	       cgfile_read_u64(fd, "memory.swap.max", &most, NULL) == 0 && most > 0;
}

/* Whether a program that fills so much lives to hold it. */
static int outlives(struct check_run *run, const struct check_fates *fates, bool limited,
		    struct fate *fate, struct tare_err *err)
{
	char params[32];
	const struct check_load load = {.load = "mem-fill",
					.params = params,
					.limits = fates->limits,
					.given = fates->given,
					.safety = fates->safety};
	struct check_player *player;
	struct check_turn turn = {0};
	int r;

	(void)snprintf(params, sizeof(params), "size=%dM", fate->mib);
	r = check_start(run, &load, limited, &player, err);
	if (r == 0)
		r = fill(player, fate->mib, &turn, err);
	if (r < 0)
		return r;
	fate->lives = !turn.ended;
	fate->unmet = turn.ended && is_unmet(run, player, fates->events);
	if (turn.ended && (r = check_death(player, err)) < 0)
		return r;
	return check_stop(player, err);
}

int check_fates_measure(struct check_run *run, const struct check_fates *fates, bool limited,
			struct check_figure *ret, struct tare_err *err)
{
	struct fate below = {.mib = fates->below_mib}, above = {.mib = fates->above_mib};
	int r = outlives(run, fates, limited, &below, err);

	if (r == 0)
		r = outlives(run, fates, limited, &above, err);
	if (r < 0)
		return r;
	ret->value = (below.lives ? 0 : 1) + (above.lives ? 1 : 0);
	ret->n = 2;
	ret->details = json_pack("{s:i, s:i, s:b, s:i, s:b}", "limit_mib", fates->limit_mib,
				 "below_mib", below.mib, "below_lives", below.lives, "above_mib",
				 above.mib, "above_lives", above.lives);
	if (below.unmet && !above.lives)
		(void)snprintf(ret->disturbed, sizeof(ret->disturbed),
			       "the program below the limit was killed before the limit was met: "
			       "what it waited for did not come in time");
	return 0;
}
