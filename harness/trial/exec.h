/* SPDX-License-Identifier: MIT */
#pragma once
/* exec: one process in one box under limits, with stdio of the caller's choice. No load, no
 * turns, no collectors: what `tare exec` runs, on the host and, by tare-agent, in a guest. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;
struct trial_place;
struct trial_spec;
struct trial_exec;

/* How it went by the clock (CLOCK_MONOTONIC) and the books of the kernel that ran it. */
struct trial_account {
	uint64_t up_ns;   /* the box stood; execve is next */
	uint64_t exec_ns; /* execve had succeeded, as seen from outside */
	uint64_t end_ns;  /* the process had ended */
	/* CPU time from up_ns on, of the process and of those it has waited for. */
	uint64_t user_us, system_us;
	int64_t epoch_ns; /* how far CLOCK_REALTIME is ahead of that clock: a payload in a time
			   * namespace knows no other that is outside's too */
	/* How far the clock of tare's own kernel is ahead, give or take: of a guest. */
	int64_t ahead_ns;
	uint64_t uncertain_ns;
};

struct trial_exec_config {
	const struct trial_spec *spec; /* of it: box, options, limits, safety, cpus */
	char *const *argv;
	char *const *envp;
	const char *cwd; /* inside; NULL: "/", bare: where we are */
	int stdio[3];
	bool terminal; /* as of struct box_exec */
	int devpts_fd;
	struct trial_account *account; /* filled by trial_exec_finish(); may be NULL */
	/* The file of the program that runs, for its digest: opened by trial_exec_start(), -1 when
	 * it had ended before; may be NULL. */
	int *program_fd;
};

/* -ENOENT: no such program; -EACCES: not executable; others are tare's own failures. */
int trial_exec_start(const struct trial_place *place, const struct trial_exec_config *config,
		     struct trial_exec **ret, struct tare_err *err);

/* As seen from outside. */
pid_t trial_exec_pid(const struct trial_exec *exec);
/* Readable when the process has ended. Owned by the exec. */
int trial_exec_pidfd(const struct trial_exec *exec);
/* Its end has just been seen: that is the moment which counts, not when it is finished with. */
void trial_exec_note_end(struct trial_exec *exec);
/* Send it a signal; that it is gone already is no error. */
int trial_exec_signal(const struct trial_exec *exec, int signal, struct tare_err *err);

/* Wait for its end, kill what it left in its group, take everything down, free it.
 * *ret_status is as wait(2) gives it and is filled even when something could not be undone. */
int trial_exec_finish(struct trial_exec *exec, int *ret_status, struct tare_err *err);
