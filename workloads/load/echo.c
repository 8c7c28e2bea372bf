/* SPDX-License-Identifier: MIT */
#include "echo.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "partner.h"

/* A datagram socket does not tell that its other end is gone: longer than any turn, shorter than
 * the patience of who conducts. */
#define PATIENCE_S 30

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static __attribute__((noreturn)) void answer(void *state)
{
	struct echo *echo = state;
	char byte;

	close_end(&echo->fd);
	while (recv(echo->partner_fd, &byte, 1, 0) == 1)
		if (send(echo->partner_fd, &byte, 1, 0) != 1)
			break;
	_exit(EXIT_SUCCESS);
}

int echo_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct echo *echo = state;
	char byte = 0;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n;

		if (send(echo->fd, &byte, 1, 0) != 1)
			return err_errno(err, "send to the partner");
		n = recv(echo->fd, &byte, 1, 0);
		if (n == 0)
			return err_set(err, EPIPE, "the partner has ended");
		if (n < 0)
			return err_errno(err, "receive from the partner");
	}
	return 0;
}

void echo_begin(struct echo *echo)
{
	echo->fd = echo->partner_fd = -1;
}

int echo_start(struct echo *echo, struct tare_err *err)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int r;

	if (setsockopt(echo->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return err_errno(err, "set SO_RCVTIMEO");
	r = partner_start(answer, echo, err);
	if (r < 0)
		return r;
	echo->partner = r;
	close_end(&echo->partner_fd);
	return echo_run(echo, 1, err); /* it lives, and is in its loop */
}

void echo_teardown(void *state)
{
	struct echo *echo = state;

	partner_end(echo->partner); /* before it can see the end of the stream: always one way */
	close_end(&echo->fd);
	close_end(&echo->partner_fd);
}
