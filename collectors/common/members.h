/* SPDX-License-Identifier: MIT */
#pragma once
/* members: the processes of a v2 group and of all groups below it: a box may have made some. */

#include <stdbool.h>
#include <stdint.h>

/* take() is given each one's number as a text, and gives back whether it wants the next one. Gives
 * back how many groups could not be looked through, or lie too deep. */
uint64_t members_each(int dirfd, bool (*take)(const char *pid, void *context), void *context);
