/* SPDX-License-Identifier: MIT */
#pragma once
/* settings: hold the CPUs' frequency still for a run.
 *
 * Each policy's governor becomes `performance`, and the CPUs may not go beyond their base
 * frequency, by whichever of both files this kernel has. What was there is in the journal before
 * anything is written, so that its closing, or `tare clean` after a crash, puts back exactly that.
 */

#include <jansson.h>

struct journal;
struct tare_err;

/* Append {"path", "was", "set"} of each change to a list. -ENOTSUP: this kernel sets no frequency;
 * nothing was changed. -EACCES: not ours to set. */
int settings_hold_still(struct journal *journal, json_t *changed, struct tare_err *err);
