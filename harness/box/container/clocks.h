/* SPDX-License-Identifier: MIT */
#pragma once
/* clocks: monotonic and boot clocks of the container's own, which begin when it does, so that
 * nothing inside tells how long the host has been up.
 *
 * Durations stay what they are: an offset moves a clock and does not change its rate. The process
 * enters its time namespace by execve; until then it reads our clocks, so that the moments it
 * notes on its way there are moments of ours. */

#include <stdbool.h>

struct tare_err;

/* False: on this kernel execve does not enter the namespace. Then it is made with the process,
 * and its clocks read as ours, since offsets can only be set before anybody is inside. */
bool clocks_can_begin(void);

/* In the new process, early: it must have all rights in its user namespace. proc_fd: our /proc,
 * opened before, since something else may be mounted there meanwhile. */
int clocks_begin(int proc_fd, struct tare_err *err);
