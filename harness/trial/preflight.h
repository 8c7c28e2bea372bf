/* SPDX-License-Identifier: MIT */
#pragma once
/* preflight: can it be done here? Found out by doing it, before anything is measured. */

struct limits;
struct tare_err;
struct trial_place;

/* Put the limits on an empty group, hold what the kernel then says against them, and remove it.
 * Errors are those of the limits: the sentence names the flag or the controller. */
int trial_try_limits(const struct trial_place *place, const struct limits *limits,
		     struct tare_err *err);
