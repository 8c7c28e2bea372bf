/* SPDX-License-Identifier: MIT */
#pragma once
/* dup: a descriptor that comes and goes at once, for loads of which that is a part. */

#include <unistd.h>

#include "base/err.h"

/* Inlined, since it is in the timed loop. */
static inline int dup_and_close(struct tare_err *err)
{
	int fd = dup(STDIN_FILENO);

	if (fd < 0)
		return err_errno(err, "dup");
	return close(fd) < 0 ? err_errno(err, "close") : 0;
}
