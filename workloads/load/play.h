/* SPDX-License-Identifier: MIT */
#pragma once
/* play: a load's life as a player, over stdin and stdout; base/play.h is the protocol. */

#include "args.h"

/* Set up, take turns until the end, tear down. Gives back the exit status. */
int play_load(const struct workload *load, enum args_mode mode, const char *const *values);
