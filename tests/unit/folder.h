/* SPDX-License-Identifier: MIT */
#pragma once
/* folder: one for all tests of a program, made before the first and removed after the last. */

#include <stdlib.h>

#include "base/fd.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";

static inline int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_remove(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}
