/* SPDX-License-Identifier: MIT */
#pragma once
/* student: Student's t distribution, for whole degrees of freedom. */

#include <stddef.h>

/* P(|T| > |t|). freedom > 0. */
double student_two_tails(double t, size_t freedom);
/* The t that is exceeded, on either side, with probability p; 0 < p < 1. */
double student_beyond(double p, size_t freedom);
