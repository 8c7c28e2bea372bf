/* SPDX-License-Identifier: MIT */
#include "isolation/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

#define PIECE 4096

/* The sender of each piece is told by the kernel (SO_PASSCRED, unix(7)), in our namespace's
 * numbers: whoever is root inside cannot say that it is root here. */
static ssize_t receive(struct capture *c, char *piece)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec part = {piece, PIECE};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct ucred who;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&who, CMSG_DATA(head), sizeof(who));
		c->uid = who.uid;
	}
	return n;
}

static void *run(void *context)
{
	struct capture *c = context;
	char piece[PIECE];

	for (;;) {
		uint64_t now = clock_now_ns();
		int left = now >= c->deadline_ns ? 0 : (int)((c->deadline_ns - now) / NS_PER_MS);
		ssize_t n = 0;

		if (fd_wait_readable(c->fd, left, NULL) != 1 || (n = receive(c, piece)) <= 0)
			return NULL;
		if ((size_t)n > c->max - c->n) {
			c->too_long = true;
			n = (ssize_t)(c->max - c->n);
		}
		memcpy(c->bytes + c->n, piece, (size_t)n);
		c->n += (size_t)n;
	}
}

int capture_start(struct capture *ret, size_t max, uint64_t deadline_ns, int *ret_theirs,
		  struct tare_err *err)
{
	int ends[2], on = 1, r;

	*ret = (struct capture){.max = max, .deadline_ns = deadline_ns, .uid = (uid_t)-1};
	ret->bytes = malloc(max + 1);
	if (!ret->bytes)
		return err_set(err, ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		capture_clear(ret);
		return err_errno(err, "make a socket");
	}
	(void)setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	ret->fd = ends[0];
	r = pthread_create(&ret->thread, NULL, run, ret);
	if (r != 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		capture_clear(ret);
		return err_set(err, r, "make a thread");
	}
	*ret_theirs = ends[1];
	return 0;
}

void capture_stop(struct capture *capture)
{
	(void)pthread_join(capture->thread, NULL);
	(void)close(capture->fd);
}

void capture_clear(struct capture *capture)
{
	free(capture->bytes);
	capture->bytes = NULL;
}
