/* SPDX-License-Identifier: MIT */
#pragma once
/* skeleton: what every collector with BPF programs needs besides libbpf. */

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;
struct tare_err;

/* From here on libbpf prints nothing, and keeps its last warning for skeleton_error(). */
void skeleton_quiet(void);

/* A sentence for a failure (r: -errno of libbpf) to load or attach: what is missing here, or
 * what libbpf warned of. Gives back r. */
int skeleton_error(struct tare_err *err, int r, const char *doing);

/* Programs that are loaded once for all who use them at a time. */
struct skeleton_shared {
	int (*load)(struct tare_err *err); /* and attach; on failure nothing is left to unload */
	void (*unload)(void);
	unsigned int users;
	bool works;
};

/* Load for a moment, unless they are loaded. A success is remembered. */
int skeleton_probe(struct skeleton_shared *shared, struct tare_err *err);
/* Load, or join those that are. */
int skeleton_join(struct skeleton_shared *shared, struct tare_err *err);
void skeleton_leave(struct skeleton_shared *shared);

/* How often the kernel has skipped one of the object's programs because it ran already on that
 * CPU. */
int skeleton_misses(struct bpf_object *object, uint64_t *ret, struct tare_err *err);
