/* SPDX-License-Identifier: MIT */
#pragma once
/* channel: the host's side of the talk with a tare-agent (message.h). Whatever goes wrong in it
 * breaks it: from then on every call fails at once with the first reason. */

#include <jansson.h>
#include <stdint.h>

#include "base/play.h"
#include "trial/trial.h"

struct tare_err;
struct channel;
struct message_waiter;

/* fd stays the caller's. Waits for the hello. */
int channel_open(int fd, uint64_t deadline_ns, struct channel **ret, struct tare_err *err);
/* To a restored guest, which said its hello when it was saved. */
int channel_open_restored(int fd, const json_t *hello, struct channel **ret, struct tare_err *err);
void channel_close(struct channel *channel); /* NULL is fine */
/* As message_wait_by(). */
void channel_wait_by(struct channel *channel, const struct message_waiter *waiter);

/* What the agent said of its kernel: {"kernel", "clocksource", "cpus", "memory_bytes", "btf",
 * "cgroup_mode", "agent"}. Borrowed. */
const json_t *channel_hello(const struct channel *channel);

/* Call and wait. *ret (may be NULL): what "ok" holds, a new reference. An "error" comes back as
 * its errno (-EREMOTEIO for a strange one) and message, and does not break the channel; a reply
 * that never comes is -ETIMEDOUT, a closed channel -EPIPE, nonsense -EBADMSG. */
int channel_call(struct channel *channel, const char *call, json_t *taken_arguments,
		 uint64_t deadline_ns, json_t **ret, struct tare_err *err);

/* The two halves of channel_call, for calls during which bytes go over another stream. */
int channel_ask(struct channel *channel, const char *call, json_t *taken_arguments,
		uint64_t deadline_ns, struct tare_err *err);
int channel_answer(struct channel *channel, uint64_t deadline_ns, json_t **ret,
		   struct tare_err *err);
/* Refuse to send messages of more bytes. */
void channel_limit(struct channel *channel, size_t bytes);
/* Readable when an answer has begun to come. */
int channel_fd(const struct channel *channel);

struct channel_clock {
	uint64_t host_ns, guest_ns; /* the same moment, give or take half of rtt_ns */
	uint64_t rtt_ns;
	char clocksource[32];
};
/* Compare the clocks: the ping with the shortest way there and back of n. */
int channel_ping(struct channel *channel, unsigned int n, uint64_t deadline_ns,
		 struct channel_clock *ret, struct tare_err *err);

/* The trial calls. */
int channel_start(struct channel *channel, const struct trial_spec *spec, uint64_t deadline_ns,
		  unsigned int *ret_player, struct tare_err *err);
int channel_slice(struct channel *channel, unsigned int player, const struct play_request *request,
		  uint64_t deadline_ns, struct trial_slice *ret, struct tare_err *err);
int channel_finish(struct channel *channel, unsigned int player, uint64_t deadline_ns,
		   json_t **ret_record, struct tare_err *err);
int channel_abort(struct channel *channel, unsigned int player, uint64_t deadline_ns,
		  struct tare_err *err);
