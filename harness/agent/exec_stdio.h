/* SPDX-License-Identifier: MIT */
#pragma once
/* exec_stdio: a command's stdin, stdout and stderr as the agent holds them: three pipes, or a
 * pseudo-terminal. */

#include <stdbool.h>

#include "machine/vm/stdio.h"

struct tare_err;

/* Our ends, -1 when closed; `in` is non-blocking. A terminal has no `err`. */
struct exec_stdio {
	int in, out, err;
	bool terminal;
};

/* window NULL: pipes. ret_theirs: the command's 0, 1 and 2, to be closed by
 * exec_stdio_close_theirs. */
int exec_stdio_open(struct exec_stdio *ret, const struct stdio_window *window, int ret_theirs[3],
		    struct tare_err *err);
void exec_stdio_close_theirs(int theirs[3]);
void exec_stdio_close(struct exec_stdio *stdio);

/* The kernel sends SIGWINCH to the terminal's foreground group. Nothing happens to pipes. */
void exec_stdio_resize(const struct exec_stdio *stdio, const struct stdio_window *window);
