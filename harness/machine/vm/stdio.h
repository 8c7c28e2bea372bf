/* SPDX-License-Identifier: MIT */
#pragma once
/* stdio: stdin, stdout, stderr and signals of a command in a guest, over one byte stream.
 *
 * A frame is {uint8_t stream, uint8_t 0, uint16_t size (little-endian), bytes}; size 0 is the end
 * of that stream. Towards the guest: STDIO_IN; STDIO_SIGNAL with one byte, the signal's number;
 * STDIO_WINDOW with a struct stdio_window. From it: STDIO_OUT and STDIO_ERR (with a terminal,
 * STDIO_OUT is both).
 *
 * Over a serial line of User-Mode Linux, which hears nothing more once it has had to hold its
 * sender up (deactivate_fd without a way back, arch/um, Linux 6.1), the guest says STDIO_TAKEN for
 * each frame of input, of STDIO_LINE_MAX bytes at most, before the next one is sent.
 *
 * Each command's input ends with exactly one frame of size 0, if need be after the command has
 * ended: what comes before it never reaches the next command. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;

enum stdio_stream {
	STDIO_IN,
	STDIO_OUT,
	STDIO_ERR,
	STDIO_SIGNAL,
	STDIO_WINDOW,
	STDIO_TAKEN,
	STDIO_STREAMS
};

#define STDIO_FRAME_MAX 4096
#define STDIO_LINE_MAX  1024
#define STDIO_NEVER     UINT64_MAX /* as a deadline */

struct stdio_frame {
	uint8_t stream;
	uint8_t zero;
	uint16_t size;
};

struct stdio_window {
	uint16_t rows, cols;
};

/* Frames that come in, put together from whatever pieces read(2) gives. Zeroed: empty. */
struct stdio_reader {
	size_t used;
	uint8_t buf[sizeof(struct stdio_frame) + STDIO_FRAME_MAX];
};

/* Read what there is (the port may be non-blocking) and hand each whole frame to take(); it may
 * stop with a negative errno. -EPIPE: the other side closed. -EBADMSG: no frame. */
int stdio_read(struct stdio_reader *reader, int port_fd,
	       int (*take)(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
			   struct tare_err *err),
	       void *context, struct tare_err *err);

/* Write one frame, waiting while the port is full, at most until the deadline. */
int stdio_write(int port_fd, enum stdio_stream stream, const void *bytes, size_t size,
		uint64_t deadline_ns, struct tare_err *err);
