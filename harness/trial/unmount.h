/* SPDX-License-Identifier: MIT */
#pragma once
/* unmount: who is the last in a mount namespace takes down all its mounts before he is seen to have
 * ended, which for a container is a fifth of a millisecond of waiting. */

#include <sys/types.h>

/* Let a thread of ours hold the namespace of a new process and let go of it when the process has
 * ended: the mounts go while we take down the rest. It lives no longer than that, and our own
 * process does not end before it. Where it cannot be made nothing is lost. */
void unmount_beside(pid_t pid, int pidfd);
