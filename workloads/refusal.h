/* SPDX-License-Identifier: MIT */
#pragma once
/* refusal: a call that is not to be had in this place, which a load's setup finds out before the
 * first turn. */

struct tare_err;

/* As err_errno(), but what does not exist here or is forbidden here is -ENOTSUP: then the trial
 * is told as unsupported with this reason, and is no failure. */
int refusal_errno(struct tare_err *err, const char *call);
