/* SPDX-License-Identifier: MIT */
#pragma once
/* alive: who of a load is alive, in whichever group: told by who still has its stdout open. */

struct tare_err;

/* pipe: of check_stdout_name(). */
int check_count_alive(const char *pipe, unsigned int *ret, struct tare_err *err);
/* Whoever got away is ours all the same. */
int check_end_survivors(const char *pipe, struct tare_err *err);
