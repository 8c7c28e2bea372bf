/* SPDX-License-Identifier: MIT */
#pragma once
/* footprint: what an idle guest costs the host in memory beyond the memory that the guest has been
 * given, and what the agent takes of that. */

#include <jansson.h>
#include <stdint.h>

struct guest;
struct tare_err;

/* {"beyond_guest_bytes": PSS of QEMU without the guest's memory, "guest_bytes": what the guest has
 * touched of that, "agent_rss_bytes": of all the agent's processes, by the guest's kernel}. */
int footprint_read(struct guest *guest, uint64_t deadline_ns, json_t **ret, struct tare_err *err);
