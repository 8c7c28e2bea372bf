/* SPDX-License-Identifier: MIT */
#pragma once
/* delay: a known slowdown: so many nanoseconds of plain arithmetic for each operation.
 *
 * What must find a slowdown is tried on one that is known (delay=1.5ns). It is spent behind the
 * operations of a turn, all at once: a loop around each of them would cost as much as the
 * smallest delays that are of interest. */

#include <stdint.h>

struct tare_err;

struct delay {
	double steps_per_op; /* 0: none */
	double owed;         /* of a step, from the operations so far */
};

/* text: "0", "1.5ns", "20us". Measures how long a step takes here. */
int delay_read(const char *text, struct delay *ret, struct tare_err *err);

void delay_spend(struct delay *delay, uint64_t ops);
