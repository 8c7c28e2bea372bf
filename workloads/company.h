/* SPDX-License-Identifier: MIT */
#pragma once
/* company: threads of a load's own that are busy while its operations are done, and only then.
 *
 * A player waits most of the time while others play: what keeps busy then would disturb them. So
 * helpers look whether a turn is on, and soon after it they sleep. That costs two stores a turn,
 * and a system call when they must be woken, which the lead-in takes. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tare_err;

#define COMPANY_MAX 8

struct company {
	void (*step)(void); /* what they do again and again */
	int own_cpu;        /* where the player is */
	bool elsewhere;     /* they are on other CPUs */
	unsigned int n;     /* started so far */
	atomic_bool playing, stopping, lost;
	_Atomic uint32_t calls, asleep;
	pthread_t threads[COMPANY_MAX];
};

/* n helpers. elsewhere: on other CPUs, -ENOTSUP where there are none; else on the player's own. */
int company_start(struct company *company, unsigned int n, bool elsewhere, void (*step)(void),
		  struct tare_err *err);
/* At both ends of run(); with no helper, nothing. */
void company_begin(struct company *company);
void company_end(struct company *company);
/* Of a zeroed one as well. */
void company_stop(struct company *company);
