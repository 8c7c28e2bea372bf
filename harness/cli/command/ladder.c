/* SPDX-License-Identifier: MIT */
/* tare ladder: where the cost of the container comes from. */

#include "cli/run.h"
#include "cli/run/options.h"

extern const struct command command_ladder;

const struct command command_ladder = {
	.name = "ladder",
	.usage = "[-w LOAD]... [-e ENV]... [options]",
	.summary = "climb from native to the container, one ingredient a step, and price each",
	.details = "Native, each cgroup controller, each namespace, the root, capabilities, system "
		   "calls, the\ncontainer, and the environments of -e, one after the other; "
		   "without -e a guest where one can\nbe booted ('-e container' leaves it out). "
		   "All steps take turns in the same passes. It is a\ncampaign as any other: "
		   "--dry-run prints it, and 'tare report' draws each step's cost.",
	.examples = "tare ladder -w getppid,openclose\n"
		    "tare ladder -w getppid -e container --rounds 20",
	.options = run_ladder_options,
	.run = run_ladder,
};
