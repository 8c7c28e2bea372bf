/* SPDX-License-Identifier: MIT */
#include "machine/vm/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/vm/message.h"

#define ERRNO_MAX 4095 /* of the kernel, include/linux/err.h */

struct channel {
	struct message_stream *stream;
	json_t *hello;
	uint64_t id; /* of the last call */
	struct tare_err broken;
};

/* Any failure of the stream is the end of it: nobody knows what the next line would answer. */
static int break_channel(struct channel *c, int r, struct tare_err *err)
{
	if (r < 0 && !c->broken.code)
		(void)err_set(&c->broken, -r, "%s",
			      err && err->code ? err->msg : "channel: broken");
	return r;
}

static int check_broken(const struct channel *c, struct tare_err *err)
{
	return c->broken.code ? err_set(err, c->broken.code, "%s", c->broken.msg) : 0;
}

/* More than a kernel has to say of its mitigations, a hostile one has not. */
#define MITIGATIONS_MAX 64

static int make_printable(json_t *object)
{
	json_t *value;
	const char *key;

	json_object_foreach(object, key, value)
	{
		if (json_is_string(value) && json_put(object, key, json_printable(value)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Sentences by names, as a result has them; what else a guest says there is left out. */
static int clean_mitigations(json_t *hello)
{
	cleanup_json json_t *kept = json_object();
	json_t *told = json_object_get(hello, "mitigations"), *value;
	const char *key;
	int r = 0;

	if (!told)
		return 0;
	json_object_foreach(told, key, value)
	{
		cleanup_free char *name = strdup(key);

		if (!name)
			r = -ENOMEM;
		else if (json_is_string(value) && json_object_size(kept) < MITIGATIONS_MAX)
			r = json_put(kept, text_make_printable(name), json_printable(value));
		if (r < 0)
			break;
	}
	return r < 0 ? r : json_put(hello, "mitigations", json_incref(kept));
}

static json_t *copy_hello(const json_t *told)
{
	json_t *hello = json_deep_copy(told);

	if (clean_mitigations(hello) == 0 && make_printable(hello) == 0)
		return hello;
	json_decref(hello);
	return NULL;
}

int channel_open(int fd, uint64_t deadline_ns, struct channel **ret, struct tare_err *err)
{
	struct channel *c = calloc(1, sizeof(*c));
	json_t *message = NULL, *hello;
	int r;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	r = message_open(fd, &c->stream, err);
	if (r == 0)
		r = message_read(c->stream, deadline_ns, &message, err);
	if (r == 0)
		r = json_read_object(message, "hello", &hello, err);
	if (r == 0 && !(c->hello = copy_hello(hello)))
		r = err_set(err, ENOMEM, "out of memory");
	json_decref(message);
	if (r < 0) {
		channel_close(c);
		return err_wrap(err, r, "hello of the guest's agent");
	}
	*ret = c;
	return 0;
}

int channel_open_restored(int fd, const json_t *hello, struct channel **ret, struct tare_err *err)
{
	struct channel *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	r = message_open(fd, &c->stream, err);
	if (r == 0 && !(c->hello = copy_hello(hello)))
		r = err_set(err, ENOMEM, "out of memory");
	if (r < 0) {
		channel_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	message_close(channel->stream);
	json_decref(channel->hello);
	free(channel);
}

void channel_wait_by(struct channel *channel, const struct message_waiter *waiter)
{
	message_wait_by(channel->stream, waiter);
}

const json_t *channel_hello(const struct channel *channel)
{
	return channel->hello;
}

void channel_limit(struct channel *channel, size_t bytes)
{
	message_limit(channel->stream, bytes);
}

int channel_fd(const struct channel *channel)
{
	return message_fd(channel->stream);
}

int channel_ask(struct channel *channel, const char *call, json_t *taken_arguments,
		uint64_t deadline_ns, struct tare_err *err)
{
	cleanup_json json_t *message = taken_arguments ? taken_arguments : json_object();
	struct tare_err why = {0};
	int r = check_broken(channel, err);

	if (r < 0)
		return r;
	if (json_put(message, "id", json_u64(++channel->id)) < 0 ||
	    json_put(message, "call", json_string(call)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = message_write(channel->stream, message, deadline_ns, &why);
	if (r == -EMSGSIZE) /* nothing of it was sent */
		return err_set(err, EMSGSIZE, "%s", why.msg);
	if (r < 0)
		return err_set(err, -break_channel(channel, r, &why), "%s", why.msg);
	return 0;
}

/* The guest's own account of a failure: its number and words are texts of a stranger. */
static int remote_error(const json_t *error, struct tare_err *err)
{
	uint64_t number = json_u64_or(error, "errno", 0);
	char words[200];

	(void)snprintf(words, sizeof(words), "%s", json_string_or(error, "message", "no reason"));
	(void)text_make_printable(words);
	if (number == 0 || number > ERRNO_MAX)
		number = EREMOTEIO;
	/* These say that the channel is broken, which a guest that answers cannot mean. */
	if (number == EPIPE || number == ETIMEDOUT || number == EBADMSG)
		number = EREMOTEIO;
	return err_set(err, (int)number, "in the guest: %s", words);
}

static int read_answer(struct channel *c, uint64_t deadline_ns, json_t **ret, struct tare_err *err)
{
	uint64_t id;
	int r = message_read(c->stream, deadline_ns, ret, err);

	if (r < 0)
		return r;
	r = json_read_u64(*ret, "id", &id, err);
	if (r == 0 && id != c->id)
		r = err_set(err, EBADMSG, "channel: an answer to another call");
	if (r == 0 && !json_is_object(json_object_get(*ret, "ok")) &&
	    !json_is_object(json_object_get(*ret, "error")))
		r = err_set(err, EBADMSG, "channel: an answer without ok and error");
	return r < 0 ? -EBADMSG : 0;
}

int channel_answer(struct channel *channel, uint64_t deadline_ns, json_t **ret,
		   struct tare_err *err)
{
	cleanup_json json_t *message = NULL;
	struct tare_err why = {0};
	const json_t *error;
	int r = check_broken(channel, err);

	if (r < 0)
		return r;
	r = read_answer(channel, deadline_ns, &message, &why);
	if (r < 0)
		return err_set(err, -break_channel(channel, r, &why), "%s", why.msg);
	error = json_object_get(message, "error");
	if (error)
		return remote_error(error, err);
	if (ret)
		*ret = json_incref(json_object_get(message, "ok"));
	return 0;
}

int channel_call(struct channel *channel, const char *call, json_t *taken_arguments,
		 uint64_t deadline_ns, json_t **ret, struct tare_err *err)
{
	int r = channel_ask(channel, call, taken_arguments, deadline_ns, err);

	return r < 0 ? r : channel_answer(channel, deadline_ns, ret, err);
}

static int ping_once(struct channel *channel, uint64_t deadline_ns, struct channel_clock *ret,
		     struct tare_err *err)
{
	cleanup_json json_t *ok = NULL;
	uint64_t begun = clock_now_ns(), ended;
	int r = channel_call(channel, "ping", NULL, deadline_ns, &ok, err);

	if (r < 0)
		return r;
	ended = clock_now_ns();
	ret->rtt_ns = ended - begun;
	ret->host_ns = begun + ret->rtt_ns / 2;
	(void)snprintf(ret->clocksource, sizeof(ret->clocksource), "%s",
		       json_string_or(ok, "clocksource", "?"));
	(void)text_make_printable(ret->clocksource);
	return json_read_u64(ok, "monotonic_ns", &ret->guest_ns, err);
}

int channel_ping(struct channel *channel, unsigned int n, uint64_t deadline_ns,
		 struct channel_clock *ret, struct tare_err *err)
{
	struct channel_clock best = {.rtt_ns = UINT64_MAX};

	for (unsigned int i = 0; i < n; i++) {
		struct channel_clock one;
		int r = ping_once(channel, deadline_ns, &one, err);

		if (r < 0)
			return r;
		if (one.rtt_ns < best.rtt_ns)
			best = one;
	}
	*ret = best;
	return 0;
}

int channel_start(struct channel *channel, const struct trial_spec *spec, uint64_t deadline_ns,
		  unsigned int *ret_player, struct tare_err *err)
{
	cleanup_json json_t *ok = NULL;
	uint64_t player;
	int r = channel_call(channel, "start",
			     json_pack("{s:o}", "trial", trial_spec_to_json(spec)), deadline_ns,
			     &ok, err);

	if (r < 0)
		return r;
	r = json_read_u64(ok, "player", &player, err);
	if (r == 0)
		*ret_player = (unsigned int)player;
	return r;
}

int channel_slice(struct channel *channel, unsigned int player, const struct play_request *request,
		  uint64_t deadline_ns, struct trial_slice *ret, struct tare_err *err)
{
	cleanup_json json_t *ok = NULL;
	json_t *arguments =
		json_pack("{s:i, s:i, s:o, s:o, s:o}", "player", (int)player, "kind",
			  (int)request->kind, "lead_in", json_u64(request->lead_in), "iters",
			  json_u64(request->iters), "duration_ns", json_u64(request->duration_ns));
	int r = channel_call(channel, "slice", arguments, deadline_ns, &ok, err);

	if (r < 0 || (r = json_read_u64(ok, "ops", &ret->ops, err)) < 0 ||
	    (r = json_read_u64(ok, "ns", &ret->ns, err)) < 0)
		return r;
	ret->ended = json_bool_or(ok, "ended", false);
	return 0;
}

int channel_finish(struct channel *channel, unsigned int player, uint64_t deadline_ns,
		   json_t **ret_record, struct tare_err *err)
{
	cleanup_json json_t *ok = NULL;
	json_t *record;
	int r = channel_call(channel, "finish", json_pack("{s:i}", "player", (int)player),
			     deadline_ns, &ok, err);

	if (r < 0)
		return r;
	r = json_read_object(ok, "record", &record, err);
	if (r == 0)
		*ret_record = json_incref(record);
	return r;
}

int channel_abort(struct channel *channel, unsigned int player, uint64_t deadline_ns,
		  struct tare_err *err)
{
	return channel_call(channel, "abort", json_pack("{s:i}", "player", (int)player),
			    deadline_ns, NULL, err);
}
