/* SPDX-License-Identifier: MIT */
/* Request and response over TCP on the loopback of the network namespace: the whole stack, both
 * ways, and two wake-ups, without a device; or through the box's own device, to who answers at
 * its other end. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "echo.h"
#include "param.h"
#include "wire.h"
#include "workload.h"

#define BUFFER 65536

enum tcprr_by { TCPRR_LOOPBACK, TCPRR_WIRE };

/* Without it a byte would wait for the answer to the one before it. */
static int send_at_once(int fd, struct tare_err *err)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return err_errno(err, "set TCP_NODELAY");
	return 0;
}

/* The one who was accepted is the one who connected, and no stranger on this loopback. */
static int check_peer(const struct echo *s, struct tare_err *err)
{
	struct sockaddr_in ours = {0}, theirs = {0};
	socklen_t n = sizeof(ours), m = sizeof(theirs);

	if (getsockname(s->fd, (struct sockaddr *)&ours, &n) < 0 ||
	    getpeername(s->partner_fd, (struct sockaddr *)&theirs, &m) < 0)
		return err_errno(err, "ask for the addresses of the connection");
	if (ours.sin_port != theirs.sin_port)
		return err_set(err, ECONNABORTED, "another process connected to port of the load");
	return 0;
}

/* Both ends by one process: connect(2) is done by the kernel once the queue takes it. */
static int connect_ends(struct echo *s, struct tare_err *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(address);
	cleanup_close int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (listener < 0)
		return err_errno(err, "socket");
	if (bind(listener, (struct sockaddr *)&address, n) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &n) < 0)
		return err_errno(err, "listen on 127.0.0.1 (is loopback up?)");
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return err_errno(err, "socket");
	if (connect(s->fd, (struct sockaddr *)&address, n) < 0)
		return err_errno(err, "connect to 127.0.0.1 (is loopback up?)");
	s->partner_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->partner_fd < 0)
		return err_errno(err, "accept");
	r = check_peer(s, err);
	if (r < 0)
		return r;
	r = send_at_once(s->fd, err);
	return r < 0 ? r : send_at_once(s->partner_fd, err);
}

static int tcprr_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct echo *echo = state;
	int by, r;

	echo_begin(echo);
	by = param_choice("by", params[0], "loopback|wire", err);
	if (by < 0)
		return by;
	if (by == TCPRR_LOOPBACK) {
		r = connect_ends(echo, err);
		return r < 0 ? r : echo_start(echo, err);
	}
	echo->fd = wire_connect(WIRE_ECHO, BUFFER, err);
	if (echo->fd < 0)
		return echo->fd;
	r = send_at_once(echo->fd, err);
	return r < 0 ? r : echo_run(echo, 1, err);
}

const struct workload workload_tcprr = {
	.name = "tcprr",
	.summary = "a byte over TCP to another process and back",
	.op = "send(2) and recv(2) of 1 byte, here and by the partner on this loopback",
	.params =
		(const struct workload_param[]){
			{"by", "the way: loopback|wire (a device of its own)", "loopback"},
			{NULL, NULL, NULL}},
	.groups = "net core",
	.syscalls = (const struct workload_syscall[]){{"sendto", 2, "by=loopback"},
						      {"recvfrom", 2, "by=loopback"},
						      {"sendto", 1, "by=wire"},
						      {"recvfrom", 1, "by=wire"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct echo),
	.setup = tcprr_setup,
	.run = echo_run,
	.teardown = echo_teardown,
};
