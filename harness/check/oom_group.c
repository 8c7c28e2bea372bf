/* SPDX-License-Identifier: MIT */
/* oom-group: when a group is out of memory, all of it is killed, and not only the one who took it.
 *
 * The one who takes it is a child of the payload beside others that wait: so those others and the
 * payload itself outlive it, unless they are killed with it.
 *
 * The kernel counts whoever asked for the page too much once for that and once as a member
 * (oom_kill_process, mm/oom_kill.c). In a PID namespace of its own the payload is killed early, and
 * who dies of that is not counted. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/alive.h"
#include "check/run/run.h"

#define WAITING   4
#define MEMBERS   (1 + WAITING + 1) /* the payload, those that wait, the one who fills */
#define TURN_NS   (500 * NS_PER_MS)
#define TURNS_MAX 40
#define SETTLE_MS 2000

extern const struct check_ops check_ops_oom_group;

struct outcome {
	unsigned int alive;        /* of all, a while after somebody was killed */
	uint64_t before, oom_kill; /* tasks that were there already; killed, as the kernel counts */
	bool has_init; /* the payload's end is that of a PID namespace, and so of all in it */
};

static int oom_group_probe(struct check_run *run, struct tare_err *err)
{
	int r = check_needs(run, CGROUP_MEMORY, err);

	if (r == 0 && check_layout(run)->controllers[CGROUP_MEMORY].version == 1)
		return err_set(err, ENOTSUP, "cgroup v1 has no memory.oom.group");
	return r;
}

static bool has_pid_namespace(pid_t pid)
{
	struct stat ours, theirs;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat("/proc/self/ns/pid", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_ino != theirs.st_ino;
}

static int read_kills(const struct check_player *player, uint64_t *ret, struct tare_err *err)
{
	int fd = cgroup_controller_fd(check_cgroup(player), CGROUP_MEMORY, NULL);

	return cgfile_read_key(fd, "memory.events", "oom_kill", ret, err);
}

/* Until somebody was killed for memory, and then as long again as a turn. */
static int play_until_killed(struct check_player *player, struct outcome *outcome,
			     struct tare_err *err)
{
	struct check_turn turn = {0};
	int r = 0;

	for (int i = 0; i < TURNS_MAX && r == 0 && outcome->oom_kill == 0; i++) {
		r = turn.ended ? 0 : check_play(player, TURN_NS, &turn, err);
		if (r == 0)
			r = read_kills(player, &outcome->oom_kill, err);
	}
	if (r == 0 && outcome->oom_kill == 0)
		return err_set(err, ETIMEDOUT, "nobody was killed for memory in time");
	if (r == 0)
		r = check_wait_silence(player, SETTLE_MS, err);
	return r < 0 ? r : read_kills(player, &outcome->oom_kill, err);
}

static int play(struct check_run *run, bool limited, struct outcome *outcome, struct tare_err *err)
{
	/* On one CPU, so that nobody ends for another's death before he is killed himself. */
	const struct check_load load = {.load = "fork-many",
					.params = "n=4 by=orphan fill=96M",
					.limits = "oom-group=1",
					.given = "memory=32M",
					.safety = "memory=64M pids-limit=64 cpus=0.9",
					.cpus = check_one_cpu(run)};
	struct check_player *player;
	char pipe[64];
	int r = check_start(run, &load, limited, &player, err);

	if (r == 0)
		r = check_read_u64(player, CGROUP_PIDS, NULL, "pids.current", &outcome->before,
				   err);
	outcome->has_init = r == 0 && has_pid_namespace(check_pid(player));
	if (r < 0 || (r = check_stdout_name(player, pipe, sizeof(pipe), err)) < 0 ||
	    (r = play_until_killed(player, outcome, err)) < 0 ||
	    (r = check_count_alive(pipe, &outcome->alive, err)) < 0 ||
	    (r = check_end_survivors(pipe, err)) < 0)
		return r;
	return check_stop(player, err);
}

/* How many kills are missing in the count, or too many. */
static uint64_t miscounted(const struct outcome *outcome, uint64_t members)
{
	uint64_t least = outcome->has_init ? 2 : members, most = members + 1;

	if (outcome->oom_kill > most)
		return outcome->oom_kill - most;
	return outcome->oom_kill < least ? least - outcome->oom_kill : 0;
}

static int oom_group_measure(struct check_run *run, bool limited, struct check_figure *ret,
			     struct tare_err *err)
{
	struct outcome outcome = {0};
	uint64_t members;
	int r = play(run, limited, &outcome, err);

	if (r < 0)
		return r;
	members = outcome.before + MEMBERS - 1;
	ret->value = outcome.alive ? (double)outcome.alive : (double)miscounted(&outcome, members);
	ret->n = 1;
	ret->details = json_pack("{s:o, s:i, s:o, s:b}", "members", json_u64(members), "alive",
				 (int)outcome.alive, "oom_kill", json_u64(outcome.oom_kill),
				 "own_pid_namespace", outcome.has_init);
	return 0;
}

const struct check_ops check_ops_oom_group = {
	.name = "oom-group",
	.summary = "members alive, or miscounted in oom_kill, after their group was out of memory",
	.claim = "a group out of memory is killed as a whole, and oom_kill counts each of its "
		 "members",
	.limits = "oom-group",
	.unit = "tasks",
	.low = 0,
	.high = 0,
	.tolerance =
		"0 tasks alive and 0 miscounted, but for those that die with process 1 of their "
		"namespace (cgroup-v2.rst, memory.oom.group)",
	.probe = oom_group_probe,
	.measure = oom_group_measure,
};
