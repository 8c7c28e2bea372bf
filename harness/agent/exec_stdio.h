/* SPDX-License-Identifier: MIT */
#pragma once
/* exec_stdio: a command's stdin, stdout and stderr as the agent holds them: three pipes, or a
 * pseudo-terminal. */

#include <stdbool.h>

#include "machine/vm/stdio.h"

struct tare_err;
struct trial_spec;

/* Our ends, -1 when closed; `in` is non-blocking. A terminal has no `err`. */
struct exec_stdio {
	int in, out, err;
	bool terminal;
};

/* What the command gets. */
struct exec_theirs {
	int fds[3];    /* its 0, 1 and 2 */
	int devpts_fd; /* as of struct box_exec */
};

/* window NULL: pipes, or with `none` /dev/null; else a terminal for that command. */
int exec_stdio_open(struct exec_stdio *ret, const struct trial_spec *spec,
		    const struct stdio_window *window, bool none, struct exec_theirs *ret_theirs,
		    struct tare_err *err);
void exec_stdio_close_theirs(struct exec_theirs *theirs);
void exec_stdio_close(struct exec_stdio *stdio);

/* The kernel sends SIGWINCH to the terminal's foreground group. Nothing happens to pipes. */
void exec_stdio_resize(const struct exec_stdio *stdio, const struct stdio_window *window);
