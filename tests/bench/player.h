/* SPDX-License-Identifier: MIT */
#pragma once
/* player: a process on the last CPU, in a group or not, that does a chunk of work for each byte it
 * is sent and sends back how long it took. */

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "rounds.h"

struct player {
	pid_t pid;
	int to, from;
};

struct player_work {
	int (*prepare)(void); /* may be NULL; -1 ends the player */
	int (*chunk)(void);
};

static inline _Noreturn void player_play(const struct player_work *work, int in, int out)
{
	char byte;

	/* All players on one CPU, and only one of them awake. */
	if (rounds_pin_last() < 0 || (work->prepare && work->prepare() < 0))
		_exit(1);
	while (read(in, &byte, 1) == 1) {
		uint64_t begin = clock_now_ns(), ns;

		if (work->chunk() < 0)
			_exit(1);
		ns = clock_now_ns() - begin;
		if (write(out, &ns, sizeof(ns)) != (ssize_t)sizeof(ns))
			_exit(1);
	}
	_exit(0);
}

static inline int player_begin(struct player *player, const struct cgroup *cgroup,
			       const struct player_work *work, struct tare_err *err)
{
	struct clone_args args = {
		.flags = cgroup ? CLONE_INTO_CGROUP : 0,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup ? (__u64)cgroup_v2_fd(cgroup) : 0,
	};
	int down[2], up[2];

	if (pipe2(down, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	player->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (player->pid < 0)
		return err_errno(err, "clone3");
	if (player->pid == 0) {
		(void)close(down[1]);
		(void)close(up[0]);
		player_play(work, down[0], up[1]);
	}
	(void)close(down[0]);
	(void)close(up[1]);
	player->to = down[1];
	player->from = up[0];
	return 0;
}

static inline int player_chunk(const struct player *player, uint64_t *ret_ns, struct tare_err *err)
{
	int r = fd_write_all(player->to, "g", 1, err);

	return r < 0 ? r : fd_read_all(player->from, ret_ns, sizeof(*ret_ns), err);
}

static inline void player_end(struct player *player)
{
	if (player->pid <= 0)
		return;
	(void)close(player->to);
	(void)close(player->from);
	(void)kill(player->pid, SIGKILL); /* another one may hold our end of its pipe as well */
	(void)waitpid(player->pid, NULL, 0);
}
