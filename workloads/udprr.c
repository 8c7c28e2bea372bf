/* SPDX-License-Identifier: MIT */
/* Request and response over UDP on the loopback of the network namespace: each a packet. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/err.h"
#include "echo.h"
#include "workload.h"

/* A socket with a port of its own. */
static int open_end(int *fd, struct sockaddr_in *ret_address, struct tare_err *err)
{
	socklen_t n = sizeof(*ret_address);

	*ret_address = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_errno(err, "socket");
	if (bind(*fd, (struct sockaddr *)ret_address, n) < 0 ||
	    getsockname(*fd, (struct sockaddr *)ret_address, &n) < 0)
		return err_errno(err, "bind to 127.0.0.1 (is loopback up?)");
	return 0;
}

static int udprr_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct echo *echo = state;
	struct sockaddr_in ours, theirs;
	int r;

	(void)params;
	echo_begin(echo);
	if ((r = open_end(&echo->fd, &ours, err)) < 0 ||
	    (r = open_end(&echo->partner_fd, &theirs, err)) < 0)
		return r;
	/* Connected, so that packets of others on this loopback are not taken. */
	if (connect(echo->fd, (struct sockaddr *)&theirs, sizeof(theirs)) < 0 ||
	    connect(echo->partner_fd, (struct sockaddr *)&ours, sizeof(ours)) < 0)
		return err_errno(err, "connect to 127.0.0.1 (is loopback up?)");
	return echo_start(echo, err);
}

const struct workload workload_udprr = {
	.name = "udprr",
	.summary = "a byte over UDP on loopback to another process and back",
	.op = "send(2) and recv(2) of 1 byte, here and by the partner",
	.groups = "net",
	.syscalls = (const struct workload_syscall[]){{"sendto", 2, NULL},
						      {"recvfrom", 2, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct echo),
	.setup = udprr_setup,
	.run = echo_run,
	.teardown = echo_teardown,
};
