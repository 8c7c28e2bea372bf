/* SPDX-License-Identifier: MIT */
#pragma once
/* exec: what the static `tare` has to know of its own command. */

#include <stdbool.h>

struct command;

/* The command line, argv as after "tare", is right and asks for a machine that this program has.
 * Says nothing, and leaves argv as it is. */
bool exec_can_start(const struct command *command, int argc, char *const *argv);
