/* SPDX-License-Identifier: MIT */
#pragma once
/* tool: another program, run to its end, with nothing of the user's: no start-up file, no
 * variables but a PATH of the system's own. */

struct tare_err;

struct tool {
	const char *missing;   /* what to say where it is not installed */
	const char *complaint; /* what the line has in it in which it says what is wrong */
	int timeout_ms;
};

/* dir: where it runs; NULL: here. -ENOTSUP: it is not installed. */
int tool_run(const struct tool *tool, const char *dir, char *const *argv, struct tare_err *err);
