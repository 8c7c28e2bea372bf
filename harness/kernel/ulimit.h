/* SPDX-License-Identifier: MIT */
#pragma once
/* ulimit: limits of a process and what it starts (getrlimit(2)), by docker's names. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;

#define ULIMIT_NONE  UINT64_MAX /* unlimited */
#define ULIMIT_KINDS 15

enum ulimit_unit { ULIMIT_COUNT, ULIMIT_BYTES };

struct ulimit_kind {
	const char *name; /* "nofile" */
	int resource;     /* RLIMIT_NOFILE */
	enum ulimit_unit unit;
};
extern const struct ulimit_kind ulimit_kinds[ULIMIT_KINDS + 1]; /* ended by name NULL */

struct ulimit {
	const struct ulimit_kind *kind;
	uint64_t soft, hard;
};
struct ulimits {
	struct ulimit items[ULIMIT_KINDS]; /* one a kind at most */
	size_t n;
};

/* NULL: there is none. */
const struct ulimit_kind *ulimit_find(const char *name);

/* Lift the hard limits of a process of ours to what is asked for, where that is above them. -EPERM:
 * that needs CAP_SYS_RESOURCE, and the sentence says so. */
int ulimits_lift(const struct ulimits *ulimits, pid_t pid, struct tare_err *err);

/* Set them for this process, and read them back. The hard ones must have been lifted. It takes no
 * memory and no lock. */
int ulimits_set(const struct ulimits *ulimits, struct tare_err *err);

/* What the kernel says that they are of a process. */
int ulimit_read(const struct ulimit_kind *kind, pid_t pid, struct ulimit *ret,
		struct tare_err *err);
