/* SPDX-License-Identifier: MIT */
#pragma once
/* echo: a byte over a pair of connected sockets to a partner and back, by send(2) and recv(2).
 *
 * Loads differ in the pair that they make; a load's state may be a struct echo itself. */

#include <stdint.h>
#include <sys/types.h>

struct tare_err;

struct echo {
	int fd, partner_fd;
	pid_t partner;
};

/* The first of setup: no socket yet. */
void echo_begin(struct echo *echo);
/* Both sockets are there: fork the partner, and let a byte go round. */
int echo_start(struct echo *echo, struct tare_err *err);
/* run() and teardown() of struct workload. */
int echo_run(void *state, uint64_t iters, struct tare_err *err);
void echo_teardown(void *state);
