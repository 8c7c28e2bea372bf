/* SPDX-License-Identifier: MIT */
#pragma once
/* relay: stands between our terminal and a program that must not have it. With stdin and stdout
 * on a terminal the program gets one of its own; else a stream of ours that is a terminal becomes a
 * pipe. Streams that are none pass through as they are. */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "trial/pty.h"

struct tare_err;
struct terminal_state;
struct trial_spec;

#define RELAY_FDS 4 /* in a list for poll(2) */

struct relay {
	bool terminal; /* the program has one of its own, by pty */
	struct pty pty;
	int theirs[3];  /* the program's 0, 1 and 2 */
	int in_fd;      /* where our stdin goes to; -1: nowhere, or no more */
	int out_fds[2]; /* what is for our stdout and stderr; -1: nothing, or no more */
	bool reads;     /* our stdin has not ended */
	struct sigaction sigpipe;
	size_t pending; /* bytes of it that are still to be taken */
	char buf[4096];
};

/* terminal: ours; its fd -1 unless both stdin and stdout are on it and it is our turn. */
int relay_open(struct relay *ret, const struct trial_spec *spec,
	       const struct terminal_state *terminal, struct tare_err *err);
/* The program has started, or will not. */
void relay_close_theirs(struct relay *relay);
/* Our terminal's size has changed. */
void relay_resize(const struct relay *relay, const struct terminal_state *terminal);
/* What there is to wait for, and what came of it. Not for ever: whose turn it is at our terminal
 * is asked again. */
void relay_watch(const struct relay *relay, struct pollfd fds[RELAY_FDS]);
void relay_move(struct relay *relay, const struct pollfd fds[RELAY_FDS]);
/* The program has ended: hand over what it has left, and no more. */
void relay_drain(struct relay *relay);
void relay_close(struct relay *relay);
