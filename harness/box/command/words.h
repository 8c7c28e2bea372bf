/* SPDX-License-Identifier: MIT */
#pragma once
/* words: the command line of somebody else's runtime, with its placeholders filled in. */

#include <jansson.h>
#include <stddef.h>

struct tare_err;

#define WORDS_MAX 128

struct words {
	char *items[WORDS_MAX + 1]; /* NULL-ended, each its own memory */
	size_t n;
};

/* Cut the text at blanks; '...' and "..." keep what is between them together. {name} becomes
 * name, {FLAG} the value of that limit of `limits` ({cpus}, {memory} in bytes, {device-read-bps}
 * as PATH:RATE); a word that names a limit which is not set is left out. -EINVAL. */
int words_make(const char *text, const char *name, const json_t *limits, struct words *ret,
	       struct tare_err *err);
void words_clear(struct words *words);
