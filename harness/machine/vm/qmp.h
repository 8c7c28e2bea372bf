/* SPDX-License-Identifier: MIT */
#pragma once
/* qmp: QEMU's control socket, one JSON object a line. QEMU runs a guest that may have taken it
 * over: everything is bounded in size, number and time. */

#include <jansson.h>
#include <stdint.h>

struct tare_err;
struct qmp;

/* Take the connected socket over, read the greeting, leave the negotiation. Deadlines are of
 * clock_now_ns(). -EPROTO: not QMP; -ETIMEDOUT; -EPIPE: closed. The fd is closed on failure. */
int qmp_open(int taken_fd, uint64_t deadline_ns, struct qmp **ret, struct tare_err *err);

/* "7.2.22" of the greeting. */
const char *qmp_version(const struct qmp *qmp);

/* Run a command; arguments may be NULL. Events that come between are passed over. *ret may be NULL
 * and else is what it returned, a new reference. -EREMOTEIO: QEMU refused, and says why. */
int qmp_run(struct qmp *qmp, const char *command, json_t *taken_arguments, uint64_t deadline_ns,
	    json_t **ret, struct tare_err *err);

/* Hand a descriptor over under a name (command getfd). */
int qmp_send_fd(struct qmp *qmp, const char *name, int fd, uint64_t deadline_ns,
		struct tare_err *err);

void qmp_close(struct qmp *qmp); /* NULL is fine */
