/* SPDX-License-Identifier: MIT */
#pragma once
/* spawn: a helper program outside of any box (QEMU), which dies with us, is journaled before it
 * executes anything, and is born in its cgroup. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;
struct journal;
struct cgroup;

#define SPAWN_FDS 16

struct spawn {
	char *const *argv; /* argv[0] is a path */
	char *const *envp;
	int fds[SPAWN_FDS]; /* fds[i] becomes descriptor i; -1: /dev/null */
	size_t n_fds;
	const struct cgroup *cgroup; /* NULL: where we are */
	struct journal *journal;
	const char *name; /* for the journal */
};

struct spawn_process {
	pid_t pid;
	int pidfd;
	uint64_t asked_ns; /* just before it was made */
	uint64_t exec_ns;  /* execve had succeeded */
};

/* An error up to and including execve comes back as one sentence. It gets a session of its own, so
 * that the terminal's Ctrl-C is for us to pass on. */
int spawn_start(const struct spawn *spawn, struct spawn_process *ret, struct tare_err *err);

/* Wait for its end, at most timeout_ms. Reaps it, closes the pidfd (-1 then). -ETIMEDOUT: it
 * still runs. *ret_status is as wait(2) gives it; may be NULL. */
int spawn_wait(struct spawn_process *process, int timeout_ms, int *ret_status,
	       struct tare_err *err);

/* SIGKILL, then spawn_wait(). A process that was never started or is gone is no error. */
int spawn_kill(struct spawn_process *process, int timeout_ms, struct tare_err *err);
