/* SPDX-License-Identifier: MIT */
#pragma once
/* spawn: start a process inside what a box puts around it, and learn what went wrong there.
 *
 * The child runs in the parent's memory until execve, as with vfork(2), but beside it: no page is
 * copied, and the parent opens files and writes maps meanwhile, since the two share descriptors
 * until the parent has done its part. It dies with the thread that started it
 * (PR_SET_PDEATHSIG). Where that way is not open (another processor, a sanitizer that minds
 * stacks, an init that stays) it is a copy, which tells by messages over a socket. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "box/box.h"

struct tare_err;
struct journal;

/* What a box does around a new process, in this order; any hook may be NULL. The hooks of the
 * child run in the parent's memory, of a process that may have threads: they allocate nothing,
 * take no lock, change no variable, and use only what was prepared. */
struct spawn {
	const char *box; /* begins every message: "container" */
	struct journal *journal;
	uint64_t clone_flags; /* CLONE_NEW..., not CLONE_NEWCGROUP: see lock */
	/* In the child, at the same time as prepare and outside: what needs no identity, and none
	 * of our descriptors. By direct_call() alone, since errno is the parent's meanwhile. */
	int (*early)(void *context, struct tare_err *err);
	/* In the parent: open what the child is to have. */
	int (*prepare)(void *context, struct tare_err *err);
	/* In the parent, then, while the process waits: identity maps. */
	int (*outside)(void *context, pid_t pid, struct tare_err *err);
	/* In the child: mounts. Where the child can have a second thread that one does it, at the
	 * same time as early: what belongs to a thread, such as an identity, is its own. */
	int (*inside)(void *context, struct tare_err *err);
	/* In the child, after both: root. It must leave the working directory inside. */
	int (*finish)(void *context, struct tare_err *err);
	/* In the child, after the cgroups are joined: what takes rights away. The last hook. */
	int (*lock)(void *context, struct tare_err *err);
	void *context;
	bool waits; /* for spawn_order(), set by spawn_prepare() */
	bool apart; /* it must have memory of its own */
	bool init;  /* process 1 stays, apart, and the program is its child: see child_init() */
};

/* As spawn_start, with spawn->apart, but the process waits for spawn_order(): its streams, argv,
 * envp, cwd, cpus and terminal come only then. *ret_order_fd: what to give to that. */
int spawn_prepare(const struct spawn *spawn, const struct box_exec *exec, struct box_process *ret,
		  int *ret_order_fd, struct tare_err *err);

/* Let it run the program; errors as of struct box_ops. -E2BIG: argv and envp are more than
 * SPAWN_ORDER_MAX bytes. */
#define SPAWN_ORDER_MAX 65536
int spawn_order(int order_fd, const struct box_exec *exec, struct box_process *process,
		struct tare_err *err);

/* exec NULL: end with status 0 where execve would be, and wait for that: a probe. */
int spawn_start(const struct spawn *spawn, const struct box_exec *exec, struct box_process *ret,
		struct tare_err *err);

/* -ENOENT and -EACCES are kept for what execve says: a caller takes them for "no such program".
 * Gives back r, or -EIO for those two, also in err. */
int spawn_not_execve(int r, struct tare_err *err);

/* Where programs are looked for when the environment has no PATH. */
#define SPAWN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
