/* SPDX-License-Identifier: MIT */
#pragma once
/* partner: a forked process at the other end of a load, which ends when the player does. */

#include <sys/types.h>

struct tare_err;

/* What a child does from then on: it never returns. */
typedef void partner_life(void *state);

/* Fork. In the child: die with the parent, let go of the player's stdin and stdout (whoever
 * conducts must see end of file when the player is gone), and live. Gives back the PID, once
 * the child has come that far, or -errno. */
pid_t partner_start(partner_life *life, void *state, struct tare_err *err);

/* Wait until it has ended. The caller has closed what it listens to, or killed it. */
void partner_reap(pid_t pid);
/* Kill it, and wait for that; 0 or less: there is none. */
void partner_end(pid_t pid);
