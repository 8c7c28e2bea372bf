/* SPDX-License-Identifier: MIT */
#pragma once
/* cmdline: what a user adds to the command line of a guest's kernel. */

#include <jansson.h>

struct tare_err;

#define CMDLINE_MAX 512

/* -EINVAL: it is no text for a command line, or has an option that is tare's own. */
int cmdline_check(const char *text, struct tare_err *err);

/* Those of its options that change what a system call costs: a list of texts, which an environment
 * is marked with wherever its figures are shown. New reference. */
json_t *cmdline_marks(const char *text);
