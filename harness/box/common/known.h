/* SPDX-License-Identifier: MIT */
#pragma once
/* known: digests of files that have not changed since they were last read, by this process or by
 * an earlier one: a program of 2 MB is not hashed again for every container. */

#include "base/digest.h"

struct tare_err;

/* The SHA-256 of the file at path. folder is where it is noted for other processes: who can write
 * there can make us believe a wrong one, so the caller has seen that only we can. */
int known_digest(const char *folder, const char *path, char ret_hex[DIGEST_SIZE],
		 struct tare_err *err);
