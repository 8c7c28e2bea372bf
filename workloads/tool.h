/* SPDX-License-Identifier: MIT */
#pragma once
/* tool: a whole program of the environment's own, which a load starts: found in the usual folders,
 * told and asked over pipes, and gone when the load is. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/play.h"

struct tare_err;

struct tool {
	const char *name;
	char path[64];
	struct play_program file;
	pid_t pid;          /* 0: it does not run */
	int to_fd, from_fd; /* its stdin; its stdout and stderr */
};

/* -ENOTSUP: it is nowhere in this environment; the sentence says what to install. */
int tool_find(struct tool *tool, const char *name, const char *package, struct tare_err *err);

/* argv ends with NULL; argv[0] is its name. It dies with us. */
int tool_start(struct tool *tool, const char *const *argv, struct tare_err *err);
/* Tell it a line, its newline included, and wait for one, which comes without. That it has ended
 * is an error with its last words. */
int tool_ask(const struct tool *tool, const char *line, char *answer, size_t size,
	     struct tare_err *err);
/* Did it end by itself? Then -EPIPE, with its last words. */
int tool_check(struct tool *tool, struct tare_err *err);
/* Kill it and wait for that. Of one that does not run, and of a zeroed one as well. */
void tool_end(struct tool *tool);

/* From its start to its end, which must be with status 0. The end of what it says is put into
 * `said`. */
int tool_run(struct tool *tool, const char *const *argv, char *said, size_t size,
	     struct tare_err *err);
