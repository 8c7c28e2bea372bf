/* SPDX-License-Identifier: MIT */
#pragma once
/* oom: whom the guest's kernel kills when the whole guest runs out of memory: never the agent,
 * which is to tell of it. A process inherits this when it is made, so the agent is as a payload
 * while it makes one. */

#include <sys/types.h>

/* -1000: never. `made` is what was made last, or 0: as long as it shares our memory, the kernel
 * would have it so too. */
void oom_as_agent(pid_t made);
/* 0: like any other process. */
void oom_as_payload(void);
