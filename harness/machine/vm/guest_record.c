/* SPDX-License-Identifier: MIT */
#include "machine/vm/guest_record.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/channel.h"
#include "machine/vm/guest_clock.h"

int guest_record_take(const json_t *told, json_t **ret, struct tare_err *err)
{
	static const char *const known[] = {"status", "why",  "sha256",     "load",
					    "limits", "span", "collectors", "stolen"};
	json_t *record = json_object();

	if (!json_is_string(json_object_get(told, "status")) || !record) {
		json_decref(record);
		return err_set(err, EBADMSG, "the guest's record of a trial has no status");
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		json_t *value = json_object_get(told, known[i]);

		if (json_is_string(value))
			(void)json_put(record, known[i], json_printable(value));
		else if (value)
			(void)json_object_set(record, known[i], value);
	}
	*ret = record;
	return 0;
}

static void put_moment(json_t *spans, const char *name, uint64_t at_ns, uint64_t origin_ns,
		       uint64_t begun_ns)
{
	if (at_ns >= begun_ns && at_ns <= clock_now_ns())
		(void)json_put(spans, name, json_u64(at_ns - origin_ns));
}

json_t *guest_record_spans(const json_t *told, const struct channel_clock *begin,
			   const struct channel_clock *end, uint64_t origin_ns, uint64_t begun_ns)
{
	uint64_t asked = json_u64_or(told, "asked_ns", 0);
	const json_t *span = json_object_get(told, "span");
	const json_t *exec = json_object_get(span, "exec"), *gone = json_object_get(span, "exit");
	uint64_t rtt = begin->rtt_ns > end->rtt_ns ? begin->rtt_ns : end->rtt_ns;
	json_t *spans = json_object();

	if (asked && json_is_integer(exec))
		put_moment(spans, "payload",
			   guest_clock_to_host(begin, asked + json_u64_or(span, "exec", 0)),
			   origin_ns, begun_ns);
	if (asked && json_is_integer(gone))
		put_moment(spans, "payload_exit",
			   guest_clock_to_host(end, asked + json_u64_or(span, "exit", 0)),
			   origin_ns, begun_ns);
	(void)json_put(spans, "uncertain_ns", json_u64(rtt / 2));
	return spans;
}
