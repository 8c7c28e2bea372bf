/* SPDX-License-Identifier: MIT */
#include "machine/vm/message.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct message_stream {
	int fd;
	struct message_waiter waiter;
	size_t write_max;
	size_t used; /* bytes in buf that are not yet taken */
	char buf[MESSAGE_LINE_MAX];
};

static int wait_alone(void *context, int fd, short events, uint64_t deadline_ns,
		      struct tare_err *err)
{
	struct pollfd p = {.fd = fd, .events = events};

	(void)context;
	for (;;) {
		uint64_t now = clock_now_ns();
		int left_ms = -1;
		int n;

		if (deadline_ns != MESSAGE_NEVER) {
			if (now >= deadline_ns)
				return err_set(err, ETIMEDOUT,
					       "channel: the other side did not answer in time");
			left_ms = clock_left_ms(now, deadline_ns);
		}
		n = poll(&p, 1, left_ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(err, "channel: poll");
	}
}

int message_open(int fd, struct message_stream **ret, struct tare_err *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct message_stream *s;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_errno(err, "channel: make it non-blocking");
	s = malloc(sizeof(*s));
	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->fd = fd;
	s->waiter = (struct message_waiter){.wait = wait_alone};
	s->write_max = MESSAGE_LINE_MAX;
	s->used = 0;
	*ret = s;
	return 0;
}

void message_close(struct message_stream *stream)
{
	free(stream);
}

void message_limit(struct message_stream *stream, size_t bytes)
{
	stream->write_max = bytes;
}

int message_fd(const struct message_stream *stream)
{
	return stream->fd;
}

void message_wait_by(struct message_stream *stream, const struct message_waiter *waiter)
{
	stream->waiter = *waiter;
}

static int wait_for(const struct message_stream *s, short events, uint64_t deadline_ns,
		    struct tare_err *err)
{
	return s->waiter.wait(s->waiter.context, s->fd, events, deadline_ns, err);
}

/* The line that ends at `end` becomes JSON, and what follows it moves to the front. */
static int take_line(struct message_stream *s, const char *end, json_t **ret, struct tare_err *err)
{
	size_t size = (size_t)(end - s->buf);
	json_error_t why;
	/* jansson bounds the depth itself (JSON_PARSER_MAX_DEPTH, 2048). */
	cleanup_json json_t *message = json_loadb(s->buf, size, JSON_REJECT_DUPLICATES, &why);

	s->used -= size + 1;
	memmove(s->buf, end + 1, s->used);
	if (!json_is_object(message))
		return err_set(err, EBADMSG, "channel: the other side does not speak JSON: %.80s",
			       message ? "not an object" : why.text);
	*ret = json_incref(message);
	return 0;
}

int message_read(struct message_stream *stream, uint64_t deadline_ns, json_t **ret,
		 struct tare_err *err)
{
	size_t searched = 0;

	for (;;) {
		const char *end = memchr(stream->buf + searched, '\n', stream->used - searched);
		ssize_t n;
		int r;

		if (end)
			return take_line(stream, end, ret, err);
		searched = stream->used;
		if (stream->used == sizeof(stream->buf))
			return err_set(err, EBADMSG, "channel: a line of more than %u bytes",
				       MESSAGE_LINE_MAX);
		r = wait_for(stream, POLLIN, deadline_ns, err);
		if (r < 0)
			return r;
		n = read(stream->fd, stream->buf + stream->used,
			 sizeof(stream->buf) - stream->used);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 && errno != ECONNRESET)
			return err_errno(err, "channel: read");
		if (n <= 0)
			return err_set(err, EPIPE, "channel: the other side closed it");
		stream->used += (size_t)n;
	}
}

int message_write(struct message_stream *stream, const json_t *message, uint64_t deadline_ns,
		  struct tare_err *err)
{
	cleanup_free char *text = json_dumps(message, JSON_COMPACT);
	size_t size = text ? strlen(text) : 0, done = 0;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	if (size + 1 > stream->write_max)
		return err_set(err, EMSGSIZE,
			       "channel: a message of more than %zu bytes: give fewer or shorter "
			       "arguments and variables",
			       stream->write_max);
	text[size++] = '\n'; /* in place of the NUL */
	while (done < size) {
		ssize_t n = write(stream->fd, text + done, size - done);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return err_set(err, EPIPE, "channel: the other side closed it");
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(err, "channel: write");
		int r = wait_for(stream, POLLOUT, deadline_ns, err);
		if (r < 0)
			return r;
	}
	return 0;
}
