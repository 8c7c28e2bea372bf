/* SPDX-License-Identifier: MIT */
#pragma once
/* man: the manual's pages, from the tables that --help is made from. */

#include <stdio.h>

struct command;

/* tare.1: the commands, and what they have in common. */
void man_put_overview(FILE *to);
/* tare-NAME.1 */
void man_put_command(FILE *to, const struct command *command);
