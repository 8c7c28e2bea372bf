/* SPDX-License-Identifier: MIT */
#pragma once
/* pulse: signs of life of a guest's first process. It sends back what comes over a port of its own;
 * it is asked only when a call has been pending for a while, so that turns and idle guests are not
 * disturbed. Any byte is an answer: a guest that lies about being alive still has its deadlines. */

#include <stdint.h>

struct tare_err;

#define PULSE_MISSED_MAX 5 /* so many unanswered in a row are a hang */

struct pulse {
	int fd;               /* the caller's */
	uint64_t interval_ns; /* before it is asked, and for each answer; 0: it never is */
	uint64_t next_ns;     /* clock_now_ns() of the next look; UINT64_MAX: never */
	unsigned int missed;  /* questions since its last answer */
};

void pulse_init(struct pulse *pulse, int fd, uint64_t interval_ns);

/* A wait begins. */
void pulse_rest(struct pulse *pulse);

/* When it is time for it, look for an answer and ask again. -ETIMEDOUT: it hangs. */
int pulse_look(struct pulse *pulse, struct tare_err *err);
