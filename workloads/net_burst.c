/* SPDX-License-Identifier: MIT */
/* Bytes through the box's own network device after a time without any: at first as many as a
 * limit has saved up, at once, and then as many as it lets through.
 *
 * Each operation is a connection of its own, so that nothing of the one before lies in a buffer.
 * Small buffers, since the kernel hands over as much at a time as they hold. */

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "param.h"
#include "wire.h"
#include "workload.h"

#define BUFFER   8192
#define FIRST_NS (60 * NS_PER_MS)  /* the burst is over by then */
#define WHOLE_NS (460 * NS_PER_MS) /* and this much shows the rate */

enum net_burst_way { NET_BURST_SEND, NET_BURST_RECEIVE };

/* Of one operation. */
struct burst {
	double bytes; /* beyond what the rate explains */
	double rate;  /* bytes per second, behind the burst */
};

struct net_burst {
	int fd, way;
	uint64_t ops;
	struct burst first, last;
	char block[BUFFER];
};

struct mark {
	uint64_t ns, bytes; /* since the begin; that have got through */
};

static int net_burst_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct net_burst *s = state;

	s->fd = -1;
	s->way = param_choice("way", params[0], "send|receive", err);
	if (s->way < 0)
		return s->way;
	/* Whether there is such a device is said before the first turn. */
	s->fd = wire_connect(s->way == NET_BURST_SEND ? WIRE_DISCARD : WIRE_CHARGEN, BUFFER, err);
	if (s->fd < 0)
		return s->fd;
	cleanup_closep(&s->fd);
	return 0;
}

static int move(struct net_burst *s, uint64_t *bytes, struct tare_err *err)
{
	ssize_t n = s->way == NET_BURST_SEND ? send(s->fd, s->block, sizeof(s->block), MSG_NOSIGNAL)
					     : recv(s->fd, s->block, sizeof(s->block), 0);

	if (n < 0)
		return err_errno(err, "transfer a block");
	if (n == 0)
		return err_set(err, EPIPE, "the other end has closed");
	*bytes += (uint64_t)n;
	return 0;
}

/* Move until a moment; what of it still lies in our buffer has not got through. */
static int move_until(struct net_burst *s, uint64_t begin, uint64_t until_ns, uint64_t *bytes,
		      struct mark *ret, struct tare_err *err)
{
	int queued = 0;

	do {
		int r = move(s, bytes, err);

		if (r < 0)
			return r;
	} while (clock_now_ns() - begin < until_ns);
	if (s->way == NET_BURST_SEND && ioctl(s->fd, SIOCOUTQ, &queued) < 0)
		return err_errno(err, "ask for what is still to be sent");
	*ret = (struct mark){clock_now_ns() - begin, *bytes - (uint64_t)queued};
	return 0;
}

static int play_burst(struct net_burst *s, struct burst *ret, struct tare_err *err)
{
	uint64_t begin = clock_now_ns(), bytes = 0;
	struct mark first, whole;
	int r;

	s->fd = wire_connect(s->way == NET_BURST_SEND ? WIRE_DISCARD : WIRE_CHARGEN, BUFFER, err);
	if (s->fd < 0)
		return s->fd;
	if ((r = move_until(s, begin, FIRST_NS, &bytes, &first, err)) < 0 ||
	    (r = move_until(s, begin, WHOLE_NS, &bytes, &whole, err)) < 0)
		return r;
	cleanup_closep(&s->fd);
	ret->rate = (double)(whole.bytes - first.bytes) / ((double)(whole.ns - first.ns) / 1e9);
	ret->bytes = (double)first.bytes - ret->rate * (double)first.ns / 1e9;
	return 0;
}

static int net_burst_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct net_burst *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		int r = play_burst(s, &s->last, err);

		if (r < 0)
			return r;
		if (s->ops++ == 0)
			s->first = s->last;
	}
	return 0;
}

static size_t net_burst_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct net_burst *s = state;

	(void)ns;
	figures[0] = (struct play_figure){"first_burst", "B", s->first.bytes};
	figures[1] = (struct play_figure){"first_rate", "B/s", s->first.rate};
	figures[2] = (struct play_figure){"last_burst", "B", s->last.bytes};
	figures[3] = (struct play_figure){"last_rate", "B/s", s->last.rate};
	return 4;
}

static void net_burst_teardown(void *state)
{
	struct net_burst *s = state;

	cleanup_closep(&s->fd);
}

const struct workload workload_net_burst = {
	.name = "net-burst",
	.summary = "what goes through the box's own network device at once, and behind it",
	.op = "a connection that moves bytes for 460 ms, as fast as it can",
	.groups = "limits",
	.params = (const struct workload_param[]){{"way", "what is done: send|receive", "send"},
						  {NULL, NULL, NULL}},
	.state_size = sizeof(struct net_burst),
	.solo = true,
	.setup = net_burst_setup,
	.run = net_burst_run,
	.figures = net_burst_figures,
	.teardown = net_burst_teardown,
};
