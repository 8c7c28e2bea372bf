/* SPDX-License-Identifier: MIT */
#pragma once
/* terminal: our own side of `tare exec`: signals that are passed on, and the terminal given back
 * as it was. */

#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

struct tare_err;

struct terminal_signal {
	int number;
	bool from_terminal; /* sent by the kernel, to the whole foreground group */
};

/* Catch SIGINT, SIGQUIT, SIGTERM and SIGHUP (those that are not ignored) and SIGWINCH, and give
 * back an fd from which struct terminal_signal can be read. Handlers, not a mask: execve puts
 * them back to what they were in whatever is started meanwhile. One at a time. */
int terminal_catch_signals(struct tare_err *err);
/* Put the handlers back; closes the fd. */
void terminal_release_signals(int fd);
/* True: it asks us to end. */
bool terminal_signal_ends(int number);
/* The next one: 1, or 0 when there is none. Does not block. */
int terminal_next_signal(int fd, struct terminal_signal *ret);

struct terminal_state {
	int fd; /* -1: stdin is no terminal */
	pid_t foreground;
	struct termios settings;
};

void terminal_save(struct terminal_state *ret);
/* Likewise, but none unless stdout is a terminal too and it is our turn at it: else the command is
 * in a pipeline. */
void terminal_find(struct terminal_state *ret);
struct winsize terminal_window(int fd);
/* Make the process's group the foreground one, if it is another one of our session. */
void terminal_hand_over(const struct terminal_state *state, pid_t pid);
/* Raw: each byte goes through as it is typed. A signal that would end us has it restored first. */
void terminal_make_raw(const struct terminal_state *state);
void terminal_restore(const struct terminal_state *state);
