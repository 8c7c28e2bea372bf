/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "pages.h"
#include "param.h"

#define FILE_MAX (256 << 20)

/* From a page's start whatever its size, and touched: malloc's large pieces begin 16 bytes into a
 * page, which makes a read of 256 KiB a tenth slower, and what was never touched is one page of
 * zeros that a cache holds, which makes a write of as much a tenth faster. */
static char *blocks_buffer(size_t size)
{
	size_t page = pages_size(), whole = (size + page - 1) / page * page;
	char *buf = aligned_alloc(page, whole);

	if (buf)
		memset(buf, 0, whole);
	return buf;
}

int blocks_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct blocks *s = state;
	uint64_t n;
	int r;

	r = param_size("size", params[0], 1, 64 << 20, 1, &s->size, err);
	if (r < 0)
		return r;
	r = units_parse_count("blocks", params[1], 1, 4096, &n, err);
	if (r < 0)
		return r;
	s->end = n * s->size;
	if (s->end > FILE_MAX)
		return err_set(err, EINVAL, "blocks: a file of more than 256 MiB");
	s->buf = blocks_buffer(s->size);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	return workfile_make(&s->file, s->end, 0, err);
}

int blocks_refuse(const char *call, ssize_t n, struct tare_err *err)
{
	return n < 0 ? err_errno(err, "%s", call)
		     : err_set(err, EIO, "%s moved %zd bytes", call, n);
}

void blocks_teardown(void *state)
{
	struct blocks *s = state;

	workfile_remove(&s->file);
	free(s->buf);
}
