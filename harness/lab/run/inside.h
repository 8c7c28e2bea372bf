/* SPDX-License-Identifier: MIT */
#pragma once
/* inside: a shell's script in a box of this machine, and what it says; while it waits for us, the
 * box can be looked at from outside. */

#include <jansson.h>
#include <stdint.h>

struct tare_err;
struct lab_work;

#define LAB_READY "ready" /* a line of its own: then `read x` waits until we have looked */

struct lab_inside {
	const char *env, *script;
	/* Called once when the script has said LAB_READY. May be NULL. */
	void (*look)(void *context);
	void *context;
	uint64_t ns;     /* from asking for the box to its being gone */
	char text[8192]; /* what it wrote; what is more is thrown away */
};

/* -EIO: the script failed. */
int lab_inside(const struct lab_work *work, struct lab_inside *inside, struct tare_err *err);

/* Of logarithms, or plain numbers, of one round each: as figures want it. members: of each object
 * of the list, divided; b NULL: a alone, not as a logarithm. -ENODATA. */
struct location;
int lab_rounds_location(const json_t *rounds, const char *a, const char *b, struct location *ret,
			struct tare_err *err);
