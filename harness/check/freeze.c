/* SPDX-License-Identifier: MIT */
/* freeze: a frozen group makes no progress, and goes on when it is thawed.
 *
 * The payload computes for 20 ms and answers: frozen in the middle of it, it must not answer
 * until it is thawed, and must then. Both freezers are tried where both are: cgroup.freeze of v2
 * and freezer.state of v1. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"

#define TURN_NS    (20 * NS_PER_MS)
#define HOLD_MS    150 /* of which it could have answered seven times */
#define RESUME_MS  5000
#define FROZEN_NS  (5 * NS_PER_S)
#define POLL_NS    (200 * NS_PER_US)
#define ROUNDS     10
#define ROUNDS_MIN 3

extern const struct check_ops check_ops_freeze;

struct freezer {
	const char *name, *file, *freeze, *thaw;
	/* File and text that say that all are frozen. */
	const char *state_file, *frozen;
};

static const struct freezer freezers[] = {
	{"cgroup.freeze", "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"},
	{"freezer.state", "freezer.state", "FROZEN", "THAWED", "freezer.state", "FROZEN"},
};

struct seen {
	unsigned int rounds, answered, stuck;
	uint64_t freeze_ns, thaw_ns; /* the longest */
};

static int group_fd(const struct check_player *player, size_t which)
{
	int version = 0;
	int fd = cgroup_controller_fd(check_cgroup(player), CGROUP_FREEZER, &version);

	if (which == 0)
		return cgroup_v2_fd(check_cgroup(player));
	return version == 1 ? fd : -1;
}

static void nap(void)
{
	const struct timespec t = {.tv_nsec = POLL_NS};

	(void)nanosleep(&t, NULL);
}

static int freeze(int fd, const struct freezer *freezer, struct seen *seen, struct tare_err *err)
{
	uint64_t begin = clock_now_ns();
	char text[256] = "";
	int r = fd_write_file(fd, freezer->file, freezer->freeze, err);

	while (r == 0 && !strstr(text, freezer->frozen)) {
		if (clock_now_ns() - begin > FROZEN_NS)
			return err_set(err, ETIMEDOUT, "%s: the group did not freeze",
				       freezer->name);
		if (*text)
			nap();
		if (fd_read_file(fd, freezer->state_file, text, sizeof(text), err) < 0)
			return -EIO;
	}
	if (clock_now_ns() - begin > seen->freeze_ns)
		seen->freeze_ns = clock_now_ns() - begin;
	return r;
}

/* The turn that goes on was frozen in its middle, or it was over just before: then another. */
static int look(struct check_player *player, bool limited, struct seen *seen, bool *ret_waiting,
		struct tare_err *err)
{
	struct check_turn turn;
	int r = limited ? check_end(player, 0, &turn, err) : 0;

	if (r > 0)
		r = check_begin(player, TURN_NS, err);
	if (r >= 0)
		r = check_end(player, HOLD_MS, &turn, err);
	*ret_waiting = r == 0;
	seen->answered += r > 0;
	return r < 0 ? r : 0;
}

static int one_round(struct check_player *player, int fd, const struct freezer *freezer,
		     bool limited, struct seen *seen, struct tare_err *err)
{
	struct check_turn turn;
	uint64_t thawed;
	bool waiting = false;
	int r = check_begin(player, TURN_NS, err), q = 0;

	if (r == 0 && limited)
		r = freeze(fd, freezer, seen, err);
	if (r == 0)
		r = look(player, limited, seen, &waiting, err);
	thawed = clock_now_ns();
	if (limited)
		q = fd_write_file(fd, freezer->file, freezer->thaw, err);
	if (r < 0 || q < 0)
		return r < 0 ? r : q;
	seen->rounds++;
	if (!waiting)
		return 0;
	r = check_end(player, RESUME_MS, &turn, err);
	seen->stuck += r == 0;
	if (r > 0 && clock_now_ns() - thawed > seen->thaw_ns)
		seen->thaw_ns = clock_now_ns() - thawed;
	return r < 0 ? r : 0;
}

static json_t *seen_to_json(const struct seen *seen, bool limited)
{
	json_t *object =
		json_pack("{s:i, s:i, s:i}", "rounds", (int)seen->rounds, "answered_while_frozen",
			  (int)seen->answered, "never_resumed", (int)seen->stuck);

	if (limited) {
		(void)json_object_set_new(object, "freeze_ns_max", json_u64(seen->freeze_ns));
		(void)json_object_set_new(object, "thaw_to_answer_ns_max", json_u64(seen->thaw_ns));
	}
	return object;
}

static int freeze_measure(struct check_run *run, bool limited, struct check_figure *ret,
			  struct tare_err *err)
{
	const struct check_load load = {.load = "cpu-burn",
					.safety = "cpus=0.9 memory=512M pids-limit=256",
					.cpus = check_one_cpu(run)};
	unsigned int rounds = check_times(run, ROUNDS, ROUNDS_MIN), answered = 0;
	struct check_player *player;
	int r = check_start(run, &load, limited, &player, err);

	if (r < 0)
		return r;
	ret->details = json_object();
	for (size_t i = 0; i < sizeof(freezers) / sizeof(freezers[0]) && r == 0; i++) {
		struct seen seen = {0};
		int fd = group_fd(player, i);

		for (unsigned int n = 0; fd >= 0 && n < rounds && r == 0; n++)
			r = one_round(player, fd, &freezers[i], limited, &seen, err);
		ret->n += seen.rounds;
		answered += seen.answered + seen.stuck;
		if (fd >= 0)
			(void)json_object_set_new(ret->details, freezers[i].name,
						  seen_to_json(&seen, limited));
	}
	ret->value = answered;
	if (r == 0 && ret->n == 0)
		return err_set(err, ENOTSUP, "neither cgroup v2 nor the freezer of v1 is mounted");
	return r;
}

const struct check_ops check_ops_freeze = {
	.name = "freeze",
	.summary = "progress while frozen, and after the thaw",
	.claim = "a frozen group makes no progress at all, and goes on when it is thawed",
	.limits = "",
	.unit = "answers",
	.low = 0,
	.high = 0,
	.tolerance = "0 answers while frozen or missing after the thaw (cgroup-v2.rst, "
		     "cgroup.freeze)",
	.measure = freeze_measure,
};
