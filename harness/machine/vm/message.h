/* SPDX-License-Identifier: MIT */
#pragma once
/* message: what tare and tare-agent say to each other: one JSON object a line, both ways.
 *
 * The guest speaks first: {"hello": {...}}. Then the host calls and the guest answers, one call
 * at a time:
 *
 *   {"id": 7, "call": "slice", "player": 1, "kind": 1, "lead_in": 9, "iters": 80, ...}
 *   {"id": 7, "ok": {"ops": 80, "ns": 500123, "ended": false}}
 *   {"id": 7, "error": {"errno": 2, "message": "no load 'x'"}}
 *
 * | call     | arguments                                     | ok                               |
 * | ping     |                                               | monotonic_ns, clocksource        |
 * | start    | trial: as trial_spec_to_json                  | player                           |
 * | slice    | player, kind, lead_in, iters, duration_ns     | ops, ns, ended                   |
 * | finish   | player                                        | record: as trial_finish          |
 * | abort    | player                                        |                                  |
 * | exec     | trial, argv[], envp[], cwd, terminal {rows,   | status: as wait(2); up_ns,       |
 * |          | cols} (absent: pipes); bytes on the second    | exec_ns, end_ns, user_us,        |
 * |          | stream, see stdio.h; none: true for /dev/null | system_us, epoch_ns: as struct   |
 * |          | digest: true for that of the program          | trial_account; sha256            |
 * | check    | check, box, options, scale                    | account: as check_carry_out      |
 * | image    | name, about: as stored.h has it; its layer is |                                  |
 * |          | the disk MESSAGE_ROOT_DISK                    |                                  |
 * | network  |                                               |                                  |
 * | shutdown |                                               | (then the guest is gone)         |
 *
 * Neither side trusts the other's lengths: a line is bounded, and so is the time for it. */

#include <jansson.h>
#include <stdint.h>

struct tare_err;
struct message_stream;

#define MESSAGE_LINE_MAX (1U << 20)
#define MESSAGE_NEVER    UINT64_MAX /* as a deadline */

/* Names of the virtio-serial ports. */
#define MESSAGE_PORT       "tare.0"
#define MESSAGE_STDIO_PORT "tare.1"
#define MESSAGE_PULSE_PORT "tare.2" /* see pulse.h */

/* Serial number of the disk with an image's root. */
#define MESSAGE_ROOT_DISK "root"

/* fd stays the caller's, and is made non-blocking. */
int message_open(int fd, struct message_stream **ret, struct tare_err *err);
void message_close(struct message_stream *stream); /* NULL is fine */
/* Refuse to write lines of more bytes than that; without it MESSAGE_LINE_MAX. */
void message_limit(struct message_stream *stream, size_t bytes);

/* How to wait until fd has one of the events: -ETIMEDOUT at the deadline. The host also looks after
 * its guest meanwhile. */
struct message_waiter {
	int (*wait)(void *context, int fd, short events, uint64_t deadline_ns,
		    struct tare_err *err);
	void *context;
};
/* From now on; until then by poll(2) alone. */
void message_wait_by(struct message_stream *stream, const struct message_waiter *waiter);
int message_fd(const struct message_stream *stream);

/* Deadlines are of clock_now_ns(). -ETIMEDOUT; -EPIPE: the other side closed; -EBADMSG: no JSON
 * object of at most MESSAGE_LINE_MAX bytes. */
int message_read(struct message_stream *stream, uint64_t deadline_ns, json_t **ret,
		 struct tare_err *err);
int message_write(struct message_stream *stream, const json_t *message, uint64_t deadline_ns,
		  struct tare_err *err);
