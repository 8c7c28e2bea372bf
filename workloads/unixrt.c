/* SPDX-License-Identifier: MIT */
/* Request and response over a pair of local sockets: no network takes part. */

#include <sys/socket.h>

#include "base/err.h"
#include "echo.h"
#include "param.h"
#include "workload.h"

static int unixrt_setup(void *state, const char *const *params, struct tare_err *err)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct echo *echo = state;
	int ends[2], type;

	echo_begin(echo);
	type = param_choice("type", params[0], "stream|dgram|seqpacket", err);
	if (type < 0)
		return type;
	if (socketpair(AF_UNIX, types[type] | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, "socketpair");
	echo->fd = ends[0];
	echo->partner_fd = ends[1];
	return echo_start(echo, err);
}

const struct workload workload_unixrt = {
	.name = "unixrt",
	.summary = "a byte over a local socket to another process and back",
	.op = "send(2) and recv(2) of 1 byte, here and by the partner",
	.groups = "net sched",
	.params = (const struct workload_param[]){{"type", "of socket: stream|dgram|seqpacket",
						   "stream"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"sendto", 2, NULL},
						      {"recvfrom", 2, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct echo),
	.setup = unixrt_setup,
	.run = echo_run,
	.teardown = echo_teardown,
};
