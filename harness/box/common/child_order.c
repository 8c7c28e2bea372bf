/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "box/common/child.h"

#define STREAMS 3

static ssize_t hear(int sock, struct child_order *order, int streams[STREAMS])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(STREAMS * sizeof(int))];
	} control;
	struct iovec whole = {.iov_base = order, .iov_len = sizeof(*order)};
	struct msghdr message = {.msg_iov = &whole,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;

	do {
		n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < (ssize_t)offsetof(struct child_order, texts) ||
	    message.msg_controllen < sizeof(control))
		return -1;
	memcpy(streams, CMSG_DATA(&control.header), STREAMS * sizeof(int));
	return n - (ssize_t)offsetof(struct child_order, texts);
}

void child_hear_order(int sock, struct child_order *order, char *words[CHILD_ORDER_WORDS],
		      struct box_exec *ret)
{
	struct box_exec exec = {0};
	ssize_t n = hear(sock, order, exec.stdio);
	char *at = order->texts, *end = order->texts + n;
	size_t n_words = 0;

	/* Without an order the parent has gone, or has no more use for us. */
	if (n <= 0 || end[-1] != '\0')
		_exit(127);
	exec.argv = words;
	for (uint32_t i = 0; i < order->n_argv + order->n_envp && at < end; i++) {
		if (i == order->n_argv)
			words[n_words++] = NULL;
		words[n_words++] = at;
		at += strlen(at) + 1;
	}
	if (order->n_envp == 0)
		words[n_words++] = NULL;
	words[n_words] = NULL;
	exec.envp = words + order->n_argv + 1;
	exec.cwd = order->has_cwd && at < end ? at : NULL;
	exec.cpus = order->cpus;
	exec.ulimits = &order->ulimits;
	exec.terminal = order->terminal;
	*ret = exec;
}
