/* SPDX-License-Identifier: MIT */
#pragma once
/* run_more: says on stderr what would make a run's intervals as narrow as wanted; nothing, where
 * they are, or where the run cannot be summed up, which its report says. */

void run_say_more(const char *dir);
