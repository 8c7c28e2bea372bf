/* SPDX-License-Identifier: MIT */
#pragma once
/* serve_exec: a command in a box of the guest, its stdio over the second port. */

#include <jansson.h>

struct tare_err;
struct trial_place;

/* arguments: as of the call exec (message.h). *ret_status is as wait(2). */
int serve_exec(const struct trial_place *place, int stdio_fd, const json_t *arguments,
	       int *ret_status, struct tare_err *err);
