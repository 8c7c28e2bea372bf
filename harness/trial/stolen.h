/* SPDX-License-Identifier: MIT */
#pragma once
/* stolen: what the hypervisor below took from this kernel's CPUs, by its own account. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct stolen {
	uint64_t at_ns, us; /* of all CPUs, since the kernel began */
	bool known;
};

void stolen_read(struct stolen *ret);
/* {"steal_us", "wall_ns"}; NULL: this kernel does not tell. */
json_t *stolen_between(const struct stolen *begin, const struct stolen *end);
