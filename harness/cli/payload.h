/* SPDX-License-Identifier: MIT */
#pragma once
/* payload: what a command that is run in an environment is given there. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/args.h"

/* Natively a command has our variables and those given; inside of anything only a few, as nothing
 * else of the host's is meant for it, and where an image has its own, none of these either. Freed
 * by the caller; the texts are not. NULL: no memory. */
char **payload_variables(char *const *given, size_t n_given, bool native, bool image);

/* The image that a box is asked to have as its root; NULL: none. */
const char *payload_image(const struct env_choice *env);
