/* SPDX-License-Identifier: MIT */
#pragma once
/* param: values of loads' parameters; numbers and sizes are base/units' */

#include <stdint.h>

struct tare_err;

/* The place of text in words, "same|other"; -EINVAL and a sentence when it is none of them. */
int param_choice(const char *what, const char *text, const char *words, struct tare_err *err);

/* A size within [min, max], both whole multiples of step, as text is to be. */
int param_size(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t step,
	       uint64_t *ret, struct tare_err *err);
