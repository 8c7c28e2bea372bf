/* SPDX-License-Identifier: MIT */
#pragma once
/* workload: one fixed piece of work, the same in every environment.
 *
 * A file workloads/NAME.c defines `const struct workload workload_NAME`; the build finds it
 * (scripts/cmake/TareRegistry.cmake). The name on the command line is the file's, with '-'
 * for '_'. Everything is linked into the one static binary `tare-load`. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/play.h"

struct tare_err;

/* A parameter NAME=VALUE of -w LOAD,NAME=VALUE. */
struct workload_param {
	const char *name;
	const char *summary; /* one line; with the values allowed if they are words: "same|other" */
	const char *fallback; /* the value when it is not given, as text */
};

/* How often one operation makes a system call: the children it makes included. */
struct workload_syscall {
	const char *name; /* the kernel's: "openat", "pread64" */
	unsigned int per_op;
	const char *when; /* "via=syscall,n=4": only when those parameters are so; NULL: always */
};

#define WORKLOAD_PARAMS 8 /* at most */

struct workload {
	const char *name;    /* "getppid" */
	const char *summary; /* one line, no full stop */
	const char *op;      /* what one operation is: "getppid(2)" */
	const char *groups;  /* of @GROUP, space-separated: "syscall", "io", "sched", "net",
			      * "memory", "program", "limits"; "core": of the default campaign */
	const struct workload_param *params;     /* ended by name NULL; may be NULL */
	const struct workload_syscall *syscalls; /* ended by name NULL; may be NULL. Never readv or
						  * writev: those carry the turns */
	size_t state_size;                       /* bytes, zeroed before setup() */

	/* True: it cannot be sliced into turns (a burner against a limit, a time series); it is
	 * asked for run(state, 1) again and again until its time is up. */
	bool solo;
	/* What a burner may take when no limit of that kind is under test; NULL for none. Names
	 * are those of limits, which are set before it joins: "memory=512M,pids-limit=256". */
	const char *safety;
	/* True: to be killed for memory is an outcome that the load exists for. */
	bool may_be_oom_killed;

	/* params: texts in the order of .params. Reads them into the state, opens what is needed.
	 * Files only below workload_work_dir(). -ENOTSUP: this place cannot have it (refusal.h).
	 * May be NULL. */
	int (*setup)(void *state, const char *const *params, struct tare_err *err);

	/* The timed loop. Does `iters` operations, all of them, or fails.
	 * Nothing else: no clock, no log, no allocation, no dispatch. */
	int (*run)(void *state, uint64_t iters, struct tare_err *err);

	/* What people count of it, as a figure: "requests_per_s". An operation is one of those, or
	 * as many as per_op says. NULL: its time says it all. */
	const char *rate;
	double (*per_op)(const void *state);
	/* Figures at the end, less than PLAY_FIGURES; gives back how many. ns: what all timed turns
	 * took together. May be NULL. */
	size_t (*figures)(const void *state, uint64_t ns, struct play_figure *figures);

	/* The programs that it has found in its environment, up to PLAY_PROGRAMS. May be NULL. */
	size_t (*programs)(const void *state, struct play_program *programs);

	void (*teardown)(void *state); /* after any setup(), even a failed one; or NULL */
};

extern const struct workload *const workload_table[]; /* NULL-terminated, by name */

/* Where files may be made: $TARE_WORK, or the working directory. */
const char *workload_work_dir(void);
