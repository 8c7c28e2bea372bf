/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"

int requests_read_depth(struct requests *requests, const char *depth, struct tare_err *err)
{
	return units_parse_count("depth", depth, 1, REQUESTS_MAX, &requests->depth, err);
}

int requests_make_file(struct requests *requests, int flags, struct tare_err *err)
{
	requests->block = aligned_alloc(REQUESTS_BLOCK, REQUESTS_BLOCK);
	if (!requests->block)
		return err_set(err, ENOMEM, "out of memory");
	return workfile_make(&requests->file, REQUESTS_BLOCK, flags, err);
}

void requests_remove(struct requests *requests)
{
	workfile_remove(&requests->file);
	free(requests->block);
}
