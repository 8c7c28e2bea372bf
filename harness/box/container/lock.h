/* SPDX-License-Identifier: MIT */
#pragma once
/* lock: take from the container's process what it could leave its box with. */

#include <stdbool.h>

struct tare_err;

/* The capabilities that are left to root inside, as a mask of (1 << CAP_...). */
extern const unsigned long long lock_capabilities;

/* Drop all other capabilities from every set. */
int lock_drop_capabilities(struct tare_err *err);

/* No program run from here on gains anything by being setuid or having file capabilities. */
int lock_no_new_privileges(struct tare_err *err);

/* The filter that was made at build time. Needs no_new_privileges or CAP_SYS_ADMIN. */
int lock_filter_calls(struct tare_err *err);
