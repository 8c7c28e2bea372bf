/* SPDX-License-Identifier: MIT */
#include "machine/vm/stdio.h"

#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

static int take_frames(struct stdio_reader *reader,
		       int (*take)(const struct stdio_frame *frame, const uint8_t *bytes,
				   void *context, struct tare_err *err),
		       void *context, struct tare_err *err)
{
	struct stdio_frame frame;
	size_t at = 0;
	int r = 0;

	while (r >= 0 && reader->used - at >= sizeof(frame)) {
		memcpy(&frame, reader->buf + at, sizeof(frame));
		if (frame.stream >= STDIO_STREAMS || frame.zero || frame.size > STDIO_FRAME_MAX)
			return err_set(err, EBADMSG, "stdio of the guest: not a frame");
		if (reader->used - at < sizeof(frame) + frame.size)
			break;
		r = take(&frame, reader->buf + at + sizeof(frame), context, err);
		at += sizeof(frame) + frame.size;
	}
	reader->used -= at;
	memmove(reader->buf, reader->buf + at, reader->used);
	return r;
}

int stdio_read(struct stdio_reader *reader, int port_fd,
	       int (*take)(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
			   struct tare_err *err),
	       void *context, struct tare_err *err)
{
	ssize_t n = read(port_fd, reader->buf + reader->used, sizeof(reader->buf) - reader->used);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return err_errno(err, "stdio of the guest: read");
	if (n == 0)
		return err_set(err, EPIPE, "stdio of the guest: the other side closed it");
	reader->used += (size_t)n;
	return take_frames(reader, take, context, err);
}

int stdio_write(int port_fd, enum stdio_stream stream, const void *bytes, size_t size,
		uint64_t deadline_ns, struct tare_err *err)
{
	const struct stdio_frame frame = {.stream = (uint8_t)stream, .size = (uint16_t)size};
	uint8_t buf[sizeof(frame) + STDIO_FRAME_MAX];
	size_t all = sizeof(frame) + size, done = 0;

	if (size > STDIO_FRAME_MAX)
		return err_set(err, EMSGSIZE, "stdio of the guest: a frame of %zu bytes", size);
	memcpy(buf, &frame, sizeof(frame));
	if (size)
		memcpy(buf + sizeof(frame), bytes, size);
	while (done < all) {
		struct pollfd p = {.fd = port_fd, .events = POLLOUT};
		ssize_t n = write(port_fd, buf + done, all - done);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(err, "stdio of the guest: write");
		if (clock_now_ns() > deadline_ns)
			return err_set(err, ETIMEDOUT, "stdio of the guest: it takes no more");
		(void)poll(&p, 1, 100);
	}
	return 0;
}
