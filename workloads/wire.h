/* SPDX-License-Identifier: MIT */
#pragma once
/* wire: a connection through the box's own network device, to who answers at its other end
 * (kernel/net.h). */

#include <stdbool.h>

struct tare_err;

/* To who takes all, or to who sends on and on. buffer: SO_SNDBUF or SO_RCVBUF, before the kernel
 * doubles it. Gives back the socket. */
int wire_connect(bool send, int buffer, struct tare_err *err);
