/* SPDX-License-Identifier: MIT */
#pragma once
/* serve: carries out the calls of message.h, one at a time. */

#include <stdbool.h>

struct tare_err;
struct trial_place;

struct serve_config {
	const struct trial_place *place;
	int channel_fd;
	int stdio_fd; /* for exec; -1: none */
	bool lines;   /* they are serial lines, see stdio.h */
	/* Done between the hello and the first call; NULL: nothing. */
	int (*set_up_rest)(struct tare_err *err);
};

/* Says hello, then serves until the host calls shutdown (0) or closes the channel (-EPIPE). Ends
 * every trial that is left. */
int serve(const struct serve_config *config, struct tare_err *err);
