/* SPDX-License-Identifier: MIT */
#pragma once
/* options: what `tare run` and `tare ladder` take. */

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "engine/campaign.h"

#define RUN_LIST_MAX 64

/* What an option was given that may be given again and again. */
struct run_list {
	char *items[RUN_LIST_MAX + 1]; /* into argv; ended by NULL */
	size_t n;
};

struct run_options {
	struct campaign_flags flags;
	struct run_list envs, loads, collectors;
	const char *out_dir, *resume_dir;
	const char *conductor;
	bool dry_run, one_after_the_other, hold_still;
};

extern const struct command_option run_options[], run_ladder_options[];
