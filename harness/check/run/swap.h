/* SPDX-License-Identifier: MIT */
#pragma once
/* swap: an area of our own on a loop device, for the time of a measurement. */

#include <stdint.h>

struct tare_err;
struct check_run;
struct check_swap;

/* What the kernel has free of swap by itself. */
uint64_t check_swap_free_bytes(void);

/* -EPERM where the kernel is not ours alone; -ENOTSUP: it lacks loop devices or swap. */
int check_swap_open(const struct check_run *run, uint64_t bytes, struct check_swap **ret,
		    struct tare_err *err);
/* When nobody needs it any more. NULL is fine. */
int check_swap_close(struct check_swap *swap, struct tare_err *err);
