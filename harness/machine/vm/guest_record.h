/* SPDX-License-Identifier: MIT */
#pragma once
/* guest_record: what is taken of a guest's account of a trial. A guest may write what it likes:
 * only the keys of a trial are its to tell, and none of the host's. */

#include <jansson.h>
#include <stdint.h>

struct channel_clock;
struct tare_err;

/* New reference. -EBADMSG: it is none. */
int guest_record_take(const json_t *told, json_t **ret, struct tare_err *err);

/* The player's first instruction and its end on our clock, ns since origin_ns: {"payload",
 * "payload_exit", "uncertain_ns"}. Moments that cannot be, before begun_ns or in the future, are
 * left out. */
json_t *guest_record_spans(const json_t *told, const struct channel_clock *begin,
			   const struct channel_clock *end, uint64_t origin_ns, uint64_t begun_ns);
