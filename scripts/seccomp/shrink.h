/* SPDX-License-Identifier: MIT */
#pragma once
/* shrink: the same decisions in fewer instructions.
 *
 * libseccomp compares with each number by itself. Neighbours that are decided alike need one
 * comparison: a quarter of the instructions, which the kernel checks, compiles and tries out for
 * each call at every launch. */

#include <linux/filter.h>

#define PROGRAM_MAX 4096

struct program {
	unsigned int n;
	struct sock_filter at[PROGRAM_MAX];
};

/* 0; -1: a form of program that is not understood, or one whose jumps get too long. */
int shrink(const struct program *from, struct program *ret);

/* Do both decide alike, for every number and what their arguments can be asked? 0: yes. */
int shrink_check(const struct program *one, const struct program *two);
