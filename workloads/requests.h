/* SPDX-License-Identifier: MIT */
#pragma once
/* requests: so many handed over at a time, each of which reads the one block of a file. */

#include <stdint.h>

#include "workfile.h"

#define REQUESTS_MAX   128
#define REQUESTS_BLOCK 4096
#define REQUESTS_DEPTH                                                                             \
	{                                                                                          \
		"depth", "requests at a time: 1 to 128", "1"                                       \
	}

struct requests {
	struct workfile file;
	uint64_t depth;
	char *block; /* what is read, aligned for O_DIRECT */
};

/* depth: as text. */
int requests_read_depth(struct requests *requests, const char *depth, struct tare_err *err);
/* What they read, and where to. flags: of open(2), beside O_RDWR. */
int requests_make_file(struct requests *requests, int flags, struct tare_err *err);
/* Of zeroed ones as well. */
void requests_remove(struct requests *requests);
