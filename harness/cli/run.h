/* SPDX-License-Identifier: MIT */
#pragma once
/* run: what `tare run` and `tare ladder` share: a campaign from flags, carried out. */

#include "cli/command.h"

int run_ladder(const struct command *command, int argc, char **argv);
