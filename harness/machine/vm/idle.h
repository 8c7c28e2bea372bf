/* SPDX-License-Identifier: MIT */
#pragma once
/* idle: what a guest costs the host while nobody asks it for anything: CPU time of all threads of
 * QEMU between calls. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct idle {
	uint64_t cpu_ns, wall_ns; /* so far */
	uint64_t cpu_at, wall_at; /* where the idle time began that goes on */
	bool resting;
};

/* A call has ended; the next one begins. qemu 0: nothing is counted. */
void idle_begin(struct idle *idle, pid_t qemu);
void idle_end(struct idle *idle, pid_t qemu);

/* {"cpu_ns", "wall_ns"} since then; NULL: nothing was counted. */
json_t *idle_since(const struct idle *idle, const struct idle *then);
