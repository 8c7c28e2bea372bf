/* SPDX-License-Identifier: MIT */
#pragma once
/* child: the new process's way from clone3 to execve. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "box/common/spawn.h"
#include "box/common/together.h"
#include "kernel/ulimit.h"

/* One message to the parent: err.code 0 says that the box stands. */
struct child_report {
	uint64_t up_ns; /* 0 until then: a failure before it is the box's, not the program's */
	uint64_t up_user_us, up_system_us; /* its CPU time until then */
	struct tare_err err;
};

struct child_link;

/* Its second thread. */
struct child_beside {
	const struct spawn *spawn;
	const struct child_link *link;
	long id;
	atomic_int tid;   /* futex: 0 when it has ended */
	atomic_int taken; /* 1: one of the two threads does its part, or has done it */
	int r;
	struct tare_err err;
	_Alignas(16) char stack[TOGETHER_STACK];
};

/* What both write and read where the child runs in the parent's memory. */
struct child_shared {
	atomic_int go;  /* futex: 1 when the parent has done its part */
	atomic_int tid; /* futex: 0 from execve or the end on (CLONE_CHILD_CLEARTID) */
	struct child_report report;
	struct child_beside beside;
};

/* How the two talk: by a socket, or through shared memory. */
struct child_link {
	int sock;                    /* -1: shared */
	int parent_fd;               /* a pidfd of the parent, with shared */
	struct child_shared *shared; /* NULL: by sock */
};

/* Never comes back: neither must the parent's cleanups run here. */
_Noreturn void child_run(const struct spawn *spawn, const struct box_exec *exec,
			 struct child_link link);

/* Wait until the parent has done its part. */
void child_wait_for_go(const struct child_link *link);

/* Let a second thread of the child wait for that too, and then do spawn->inside. False: there can
 * be none, or it would be seen in the figures of the group. Until it has been joined its maker goes
 * by direct_call() alone. */
bool child_beside_start(const struct spawn *spawn, const struct box_exec *exec,
			const struct child_link *link);
/* What inside gave back. CHILD_BESIDE_NOT_BEGUN: it got no CPU; the caller has to do it. */
#define CHILD_BESIDE_NOT_BEGUN 1
int child_beside_join(struct child_beside *beside, struct tare_err *err);

/* What spawn_order() sends, with the three streams as SCM_RIGHTS. The texts are argv, envp and
 * cwd, each ended by a NUL. */
struct child_order {
	uint64_t cpus;
	struct ulimits ulimits;
	uint32_t n_argv, n_envp;
	bool has_cwd, terminal;
	char texts[SPAWN_ORDER_MAX];
};
#define CHILD_ORDER_WORDS 2048

/* In the child: wait for it, and make of it what is to be run, which lives in order and words. */
void child_hear_order(int sock, struct child_order *order, char *words[CHILD_ORDER_WORDS],
		      struct box_exec *ret);

/* As execvpe(3), but by the PATH of the new environment and without memory. Comes back only with
 * an error. */
int child_exec(char *const *argv, char *const *envp, struct tare_err *err);

/* Become the process 1 of a box: comes back in a new process, which is to be the program. The old
 * one stays, passes signals on, reaps what ends, and ends as the program does, with 128 + N after
 * signal N. -errno: none could be made. It runs this program's own code, whose file and memory
 * cannot be looked at from inside, since it is not dumpable. */
int child_init(bool terminal, struct tare_err *err);
