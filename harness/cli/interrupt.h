/* SPDX-License-Identifier: MIT */
#pragma once
/* interrupt: a signal that would end us is noted, so that what is up can be taken down first. */

#include <signal.h>

/* From now on: 0, or the number of the signal that came. SIGPIPE is ignored: a process that has
 * died is an answer that does not come, not our end. */
volatile sig_atomic_t *interrupt_catch(void);
