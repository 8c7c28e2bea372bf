/* SPDX-License-Identifier: MIT */
#pragma once
/* survey: which events are to be had on this machine, by opening each on ourselves and testing it;
 * what libpfm4 or a name in /sys says of a counter is not believed. */

#include <jansson.h>

struct tare_err;

/* Names that are the same on all processors; the last is NULL. */
extern const char *const survey_names[];

/* Put {NAME: why} of those that are not to be had, or cannot be believed, into figures. */
int survey_events(json_t *figures, struct tare_err *err);
/* -ENOTSUP: nothing can be counted here, and why. */
int survey_probe(struct tare_err *err);
