/* SPDX-License-Identifier: MIT */
#pragma once
/* profile: a filter of system calls from the JSON of docker and of the OCI runtime specification,
 * compiled by libseccomp. Made in the parent, loaded in the child as bytes. */

#include <jansson.h>
#include <linux/filter.h>
#include <stdint.h>

struct tare_err;

/* kept: the capabilities of the process, by which docker's profiles include and exclude calls.
 * Calls that this machine's libseccomp does not know are left out, as docker does. ret->filter is
 * the caller's to free. */
int profile_compile(const json_t *profile, uint64_t kept, struct sock_fprog *ret,
		    struct tare_err *err);
