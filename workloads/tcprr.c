/* SPDX-License-Identifier: MIT */
/* Request and response over TCP on the loopback of the network namespace: the whole stack, both
 * ways, and two wake-ups, without a device. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "partner.h"
#include "workload.h"

struct tcprr {
	int fd, partner_fd;
	pid_t partner;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static __attribute__((noreturn)) void tcprr_partner(void *state)
{
	struct tcprr *s = state;
	char byte;

	close_end(&s->fd);
	while (recv(s->partner_fd, &byte, 1, 0) == 1)
		if (send(s->partner_fd, &byte, 1, 0) != 1)
			break;
	_exit(EXIT_SUCCESS);
}

static int tcprr_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct tcprr *s = state;
	char byte = 0;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n;

		if (send(s->fd, &byte, 1, 0) != 1)
			return err_errno(err, "send to the partner");
		n = recv(s->fd, &byte, 1, 0);
		if (n == 0)
			return err_set(err, EPIPE, "the partner has ended");
		if (n < 0)
			return err_errno(err, "receive from the partner");
	}
	return 0;
}

/* Without it a byte would wait for the answer to the one before it. */
static int send_at_once(int fd, struct tare_err *err)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return err_errno(err, "set TCP_NODELAY");
	return 0;
}

/* The one who was accepted is the one who connected, and no stranger on this loopback. */
static int check_peer(const struct tcprr *s, struct tare_err *err)
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
static int connect_ends(struct tcprr *s, struct tare_err *err)
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
	struct tcprr *s = state;
	int r;

	(void)params;
	s->fd = s->partner_fd = -1;
	r = connect_ends(s, err);
	if (r < 0)
		return r;
	r = partner_start(tcprr_partner, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	close_end(&s->partner_fd);
	return tcprr_run(s, 1, err); /* it lives, and is in its loop */
}

static void tcprr_teardown(void *state)
{
	struct tcprr *s = state;

	close_end(&s->fd);
	close_end(&s->partner_fd);
	if (s->partner > 0)
		partner_reap(s->partner);
}

const struct workload workload_tcprr = {
	.name = "tcprr",
	.summary = "a byte over TCP on loopback to another process and back",
	.op = "send(2) and recv(2) of 1 byte, here and by the partner",
	.groups = "net",
	.syscalls = (const struct workload_syscall[]){{"sendto", 2, NULL},
						      {"recvfrom", 2, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct tcprr),
	.setup = tcprr_setup,
	.run = tcprr_run,
	.teardown = tcprr_teardown,
};
