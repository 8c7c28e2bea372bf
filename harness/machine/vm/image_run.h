/* SPDX-License-Identifier: MIT */
#pragma once
/* image_run: have a program of the system do a step of making an image. */

#include <stddef.h>

struct tare_err;
struct journal;

struct image_run {
	const char *package;     /* where the program comes from */
	const char *const *argv; /* argv[0] is its name */
	const char *cwd;         /* NULL: ours */
	char *variable;          /* one more "NAME=VALUE" for it; may be NULL */
	int timeout_ms;
	struct journal *journal;
};

/* ret_output: the beginning of what it says on stdout; may be NULL. -ENOTSUP: it is not installed;
 * -EIO: it failed, in its own words; -ETIMEDOUT: it was killed. */
int image_run(const struct image_run *run, char *ret_output, size_t size, struct tare_err *err);
