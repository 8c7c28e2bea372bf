/* SPDX-License-Identifier: MIT */
/* Bytes over TCP through the box's own network device, to or from whoever answers at its other
 * end: the rate of that device, or of its limit. */

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "wire.h"
#include "workload.h"

#define BLOCK 65536

enum net_stream_way { NET_STREAM_SEND, NET_STREAM_RECEIVE };

struct net_stream {
	int fd, way;
	uint64_t bytes;
	char block[BLOCK];
};

static int net_stream_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct net_stream *s = state;

	s->fd = -1;
	s->way = param_choice("way", params[0], "send|receive", err);
	if (s->way < 0)
		return s->way;
	/* What lies in the buffer is counted as sent: not megabytes of it. */
	s->fd = wire_connect(s->way == NET_STREAM_SEND ? WIRE_DISCARD : WIRE_CHARGEN, 2 * BLOCK,
			     err);
	return s->fd < 0 ? s->fd : 0;
}

static int net_stream_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct net_stream *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n = s->way == NET_STREAM_SEND ? send(s->fd, s->block, BLOCK, MSG_NOSIGNAL)
						      : recv(s->fd, s->block, BLOCK, 0);

		if (n < 0)
			return err_errno(err, "transfer a block");
		if (n == 0)
			return err_set(err, EPIPE, "the other end has closed");
		s->bytes += (uint64_t)n;
	}
	return 0;
}

static size_t net_stream_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct net_stream *s = state;

	if (ns == 0)
		return 0;
	figures[0] = (struct play_figure){
		.name = "bytes_per_s", .unit = "B/s", .value = (double)s->bytes * 1e9 / (double)ns};
	return 1;
}

static void net_stream_teardown(void *state)
{
	struct net_stream *s = state;

	if (s->fd >= 0)
		(void)close(s->fd);
}

const struct workload workload_net_stream = {
	.name = "net-stream",
	.summary = "send or receive through the box's own network device (container,net=veth; "
		   "vm,guest-net=tap)",
	.op = "send(2) or recv(2) of at most 64 KiB",
	.groups = "limits",
	.params = (const struct workload_param[]){{"way", "what is done: send|receive", "send"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"sendto", 1, "way=send"},
						      {"recvfrom", 1, "way=receive"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct net_stream),
	.solo = true,
	.setup = net_stream_setup,
	.run = net_stream_run,
	.figures = net_stream_figures,
	.teardown = net_stream_teardown,
};
