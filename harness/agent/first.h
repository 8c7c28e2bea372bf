/* SPDX-License-Identifier: MIT */
#pragma once
/* first: what the guest's first process does while the agent serves. It only reaps and shows that
 * the guest lives: a crash of the agent does not take the kernel with it. */

#include <signal.h>
#include <sys/types.h>

/* Hold SIGCHLD back, before the agent is forked; what was held back before goes to *ret_was. */
void first_hold_signals(sigset_t *ret_was);

/* Send back what comes over the port of signs of life (message.h), and reap orphans, until the
 * agent ends: its status as wait(2) gives it. */
int first_mind(pid_t agent);
