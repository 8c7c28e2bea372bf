/* SPDX-License-Identifier: MIT */
/* A connection for each request: on the loopback of the network namespace, to a partner who
 * accepts it, answers, and closes first. */

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "partner.h"
#include "workload.h"

struct tcpcrr {
	struct sockaddr_in address;
	int listener; /* 0 while there is none */
	pid_t partner;
};

static __attribute__((noreturn)) void tcpcrr_partner(void *state)
{
	const struct tcpcrr *s = state;
	char byte;

	for (;;) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			_exit(EXIT_FAILURE);
		if (recv(fd, &byte, 1, 0) == 1)
			(void)send(fd, &byte, 1, 0);
		(void)close(fd);
	}
}

static int ask(int fd, const struct tcpcrr *s, struct tare_err *err)
{
	char byte = 0;
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)&s->address, sizeof(s->address)) < 0)
		return err_errno(err, "connect to the partner");
	if (send(fd, &byte, 1, 0) != 1)
		return err_errno(err, "send to the partner");
	n = recv(fd, &byte, 1, 0);
	if (n == 0)
		return err_set(err, EPIPE, "the partner has closed without an answer");
	return n < 0 ? err_errno(err, "receive from the partner") : 0;
}

static int tcpcrr_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct tcpcrr *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int r = fd < 0 ? err_errno(err, "socket") : ask(fd, s, err);

		if (fd >= 0 && close(fd) < 0)
			return err_errno(err, "close");
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is accepted has the listener's options. Ended by a reset, no connection lingers in
 * TIME-WAIT: else the ports would be used up in a minute. */
static int listen_here(struct tcpcrr *s, struct tare_err *err)
{
	struct linger reset = {.l_onoff = 1};
	socklen_t n = sizeof(s->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, "socket");
	s->listener = fd;
	s->address = (struct sockaddr_in){.sin_family = AF_INET,
					  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return err_errno(err, "set SO_LINGER");
	if (bind(fd, (struct sockaddr *)&s->address, n) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)&s->address, &n) < 0)
		return err_errno(err, "listen on 127.0.0.1 (is loopback up?)");
	return 0;
}

static int tcpcrr_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct tcpcrr *s = state;
	int r;

	(void)params;
	r = listen_here(s, err);
	if (r < 0)
		return r;
	r = partner_start(tcpcrr_partner, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	/* The partner's alone: when it has died, connections are refused. */
	(void)close(s->listener);
	s->listener = 0;
	return tcpcrr_run(s, 1, err);
}

static void tcpcrr_teardown(void *state)
{
	const struct tcpcrr *s = state;

	if (s->listener > 0)
		(void)close(s->listener);
	partner_end(s->partner);
}

const struct workload workload_tcpcrr = {
	.name = "tcpcrr",
	.summary = "a TCP connection on loopback for one byte there and back",
	.op = "socket(2), connect(2), send(2), recv(2) and close(2), and the partner's part",
	.groups = "net",
	.syscalls = (const struct workload_syscall[]){{"socket", 1, NULL},
						      {"connect", 1, NULL},
						      {"accept4", 1, NULL},
						      {"sendto", 2, NULL},
						      {"recvfrom", 2, NULL},
						      {"close", 2, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct tcpcrr),
	.setup = tcpcrr_setup,
	.run = tcpcrr_run,
	.teardown = tcpcrr_teardown,
};
