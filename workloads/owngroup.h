/* SPDX-License-Identifier: MIT */
#pragma once
/* owngroup: the cgroup of version 2 in which a load finds itself. */

struct tare_err;

/* Its directory, to read from. -ENOTSUP and the reason: it is not to be seen here. */
int owngroup_open(struct tare_err *err);
