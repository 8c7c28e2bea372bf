/* SPDX-License-Identifier: MIT */
#pragma once
/* wire: a connection through the box's own network device, to who answers at its other end
 * (kernel/net.h). */

struct tare_err;

/* The ports of RFC 862 to 864: who sends back what it gets, who takes all, who sends on and on. */
enum wire_service { WIRE_ECHO = 7, WIRE_DISCARD = 9, WIRE_CHARGEN = 19 };

/* buffer: of the direction that the service fills or empties, SO_SNDBUF or SO_RCVBUF, before the
 * kernel doubles it. Gives back the socket; -ENOTSUP: the box has no device of its own. */
int wire_connect(enum wire_service service, int buffer, struct tare_err *err);
