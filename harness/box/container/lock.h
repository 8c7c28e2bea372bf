/* SPDX-License-Identifier: MIT */
#pragma once
/* lock: take from the container's process what it could leave its box with. */

#include <stdbool.h>

struct sock_fprog;
struct tare_err;

/* The capabilities that are left to root inside, as a mask of (1 << CAP_...). */
extern const unsigned long long lock_capabilities;

/* Take all but these from what any program from here on can have. */
int lock_bound_capabilities(unsigned long long keep, struct tare_err *err);
/* Hold these only, after that. */
int lock_hold_capabilities(unsigned long long keep, struct tare_err *err);

/* No program run from here on gains anything by being setuid or having file capabilities. */
int lock_no_new_privileges(struct tare_err *err);

/* program NULL: the filter that was made at build time. Needs no_new_privileges or CAP_SYS_ADMIN.
 */
int lock_filter_calls(const struct sock_fprog *given, struct tare_err *err);
