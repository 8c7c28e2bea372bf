/* SPDX-License-Identifier: MIT */
#pragma once
/* program: a helper program outside of any box (QEMU), which dies with us, is journaled before it
 * executes anything, and is born in its cgroup. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;
struct journal;
struct cgroup;

#define PROGRAM_FDS 16

struct program {
	char *const *argv; /* argv[0] is a path */
	char *const *envp;
	int fds[PROGRAM_FDS]; /* fds[i] becomes descriptor i; -1: /dev/null */
	size_t n_fds;
	const char *cwd;             /* NULL: ours */
	const struct cgroup *cgroup; /* NULL: where we are */
	struct journal *journal;
	const char *name; /* for the journal */
	int program_fd;   /* the one of fds that is executed; 0: argv[0] */
	uint64_t cpus;    /* where it runs: mask; 0: where we do */
	uid_t user;       /* whom it becomes, without a way back; 0: nobody else */
	/* In a PID namespace of its own: whatever it makes dies with it at once. Its process 1, of
	 * which program_process tells, is not the program, which could not even abort(3) then; it
	 * ends as the program does, with 128 + N for a signal. */
	bool own_pids;
};

struct program_process {
	pid_t pid;
	int pidfd;
	uint64_t asked_ns; /* just before it was made */
	uint64_t exec_ns;  /* execve had succeeded */
};

/* Look for a program in $PATH and, since a user's may lack the sbin folders, in the usual ones.
 * -ENOTSUP: it is nowhere; the sentence names the package to install. */
int program_find(const char *name, const char *package, char *ret, size_t size,
		 struct tare_err *err);

/* An error up to and including execve comes back as one sentence. It gets a session of its own, so
 * that the terminal's Ctrl-C is for us to pass on. */
int program_start(const struct program *program, struct program_process *ret, struct tare_err *err);

/* Wait for its end, at most timeout_ms. Reaps it, closes the pidfd (-1 then). -ETIMEDOUT: it
 * still runs. *ret_status is as wait(2) gives it; may be NULL. */
int program_wait(struct program_process *process, int timeout_ms, int *ret_status,
		 struct tare_err *err);

/* The CPU time of all its threads, those that have ended included. False: it is gone, or pid is 0.
 */
bool program_cpu_ns(pid_t pid, uint64_t *ret);

/* SIGKILL, then program_wait(). A process that was never started or is gone is no error. */
int program_kill(struct program_process *process, int timeout_ms, struct tare_err *err);
