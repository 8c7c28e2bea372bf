/* SPDX-License-Identifier: MIT */
#pragma once
/* blocks: a cached file of equal blocks, which are read or written in turn. */

#include <sys/types.h>

#include "workfile.h"
#include "workload.h"

struct blocks {
	struct workfile file;
	uint64_t size, end; /* bytes of one block, of all */
	uint64_t at;        /* of the next one */
	char *buf;          /* one block */
};

/* "size" and "blocks", in this order. */
#define BLOCKS_PARAMS                                                                              \
	{"size", "bytes at a time, such as 64K", "4K"},                                            \
	{                                                                                          \
		"blocks", "blocks of that size in the file, taken in turn: 1 to 4096", "1"         \
	}

/* setup() and teardown() of struct workload. */
int blocks_setup(void *state, const char *const *params, struct tare_err *err);
void blocks_teardown(void *state);

/* -errno, and that the call failed or moved n bytes, which are not one block. */
int blocks_refuse(const char *call, ssize_t n, struct tare_err *err);

/* Where the next one is; inlined, since it is in the timed loop. */
static inline uint64_t blocks_next(struct blocks *s)
{
	uint64_t at = s->at;

	s->at = at + s->size == s->end ? 0 : at + s->size;
	return at;
}
