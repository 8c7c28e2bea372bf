/* SPDX-License-Identifier: MIT */
#pragma once
/* skeleton: what every collector with BPF programs needs besides libbpf. */

#include <stdint.h>

struct bpf_object;
struct tare_err;

/* From here on libbpf prints nothing, and keeps its last warning for skeleton_error(). */
void skeleton_quiet(void);

/* A sentence for a failure (r: -errno of libbpf) to load or attach: what is missing here, or
 * what libbpf warned of. Gives back r. */
int skeleton_error(struct tare_err *err, int r, const char *doing);

/* How often the kernel has skipped one of the object's programs because it ran already on that
 * CPU. */
int skeleton_misses(struct bpf_object *object, uint64_t *ret, struct tare_err *err);
