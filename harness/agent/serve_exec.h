/* SPDX-License-Identifier: MIT */
#pragma once
/* serve_exec: the call `exec`: a command in a box, its stdio relayed over the second stream. */

#include <jansson.h>
#include <stdbool.h>

#include "machine/vm/stdio.h"

struct tare_err;
struct trial_place;

/* The second stream, as it goes on from one command to the next. Zeroed but for fd. */
struct serve_stdio {
	int fd; /* -1: none */
	struct stdio_reader reader;
	bool lines;      /* each frame of input is told to be taken, see stdio.h */
	bool input_open; /* the end of the last command's input is still to come */
};

/* *ret: what message.h says of the answer; a new reference. */
int serve_exec(const struct trial_place *place, struct serve_stdio *stdio, const json_t *arguments,
	       json_t **ret, struct tare_err *err);
