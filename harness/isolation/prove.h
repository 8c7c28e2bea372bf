/* SPDX-License-Identifier: MIT */
#pragma once
/* prove: show each attack where its protection is switched off. */

#include <jansson.h>

struct isolation;
struct tare_err;

/* As the plan asks. What cannot be tried is in proofs too, as not shown, with the reason. */
int prove(const struct isolation *i, json_t *proofs, struct tare_err *err);
