/* SPDX-License-Identifier: MIT */
#include "kernel/ulimit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/fd.h"

const struct ulimit_kind ulimit_kinds[] = {
	{"core", RLIMIT_CORE, ULIMIT_BYTES},
	{"cpu", RLIMIT_CPU, ULIMIT_COUNT},
	{"data", RLIMIT_DATA, ULIMIT_BYTES},
	{"fsize", RLIMIT_FSIZE, ULIMIT_BYTES},
	{"locks", RLIMIT_LOCKS, ULIMIT_COUNT},
	{"memlock", RLIMIT_MEMLOCK, ULIMIT_BYTES},
	{"msgqueue", RLIMIT_MSGQUEUE, ULIMIT_BYTES},
	{"nice", RLIMIT_NICE, ULIMIT_COUNT},
	{"nofile", RLIMIT_NOFILE, ULIMIT_COUNT},
	{"nproc", RLIMIT_NPROC, ULIMIT_COUNT},
	{"rss", RLIMIT_RSS, ULIMIT_BYTES},
	{"rtprio", RLIMIT_RTPRIO, ULIMIT_COUNT},
	{"rttime", RLIMIT_RTTIME, ULIMIT_COUNT},
	{"sigpending", RLIMIT_SIGPENDING, ULIMIT_COUNT},
	{"stack", RLIMIT_STACK, ULIMIT_BYTES},
	{NULL, 0, ULIMIT_COUNT},
};

/* Above any finite one: RLIM_INFINITY is ~0 too (include/uapi/asm-generic/resource.h). */
_Static_assert(RLIM_INFINITY == ULIMIT_NONE, "unlimited is the highest number");

const struct ulimit_kind *ulimit_find(const char *name)
{
	for (const struct ulimit_kind *k = ulimit_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* Above this no right helps; 0: unknown. */
static uint64_t most_there_can_be(const struct ulimit_kind *kind)
{
	char text[32];

	if (kind->resource != RLIMIT_NOFILE ||
	    fd_read_file_quiet(AT_FDCWD, "/proc/sys/fs/nr_open", text, sizeof(text)) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static int lift(const struct ulimit *u, pid_t pid, struct tare_err *err)
{
	uint64_t had, most = most_there_can_be(u->kind);
	struct rlimit now;

	if (prlimit(pid, u->kind->resource, NULL, &now) < 0)
		return err_errno(err, "--ulimit %s: read it", u->kind->name);
	if (u->hard <= now.rlim_max)
		return 0;
	if (most && u->hard > most)
		return err_set(err, EPERM,
			       "--ulimit %s: %" PRIu64 " is the most there can be on this machine "
			       "(/proc/sys/fs/nr_open)",
			       u->kind->name, most);
	had = now.rlim_max;
	now.rlim_max = u->hard;
	if (prlimit(pid, u->kind->resource, &now, NULL) == 0)
		return 0;
	if (errno != EPERM)
		return err_errno(err, "--ulimit %s: lift the hard limit", u->kind->name);
	return err_set(err, EPERM,
		       "--ulimit %s: the hard limit is %" PRIu64 " here and lifting it needs "
		       "CAP_SYS_RESOURCE, which tare has not: ask for no more than that",
		       u->kind->name, had);
}

int ulimits_lift(const struct ulimits *ulimits, pid_t pid, struct tare_err *err)
{
	int r = 0;

	for (size_t i = 0; i < ulimits->n && r == 0; i++)
		r = lift(&ulimits->items[i], pid, err);
	return r;
}

static int set(const struct ulimit *u, struct tare_err *err)
{
	struct rlimit limit = {.rlim_cur = u->soft, .rlim_max = u->hard};
	struct rlimit now = {0};

	if (prlimit(0, u->kind->resource, &limit, NULL) < 0 ||
	    prlimit(0, u->kind->resource, NULL, &now) < 0)
		return err_errno(err, "step 'set ulimit %s'", u->kind->name);
	if (now.rlim_cur != u->soft || now.rlim_max != u->hard)
		return err_set(err, ERANGE, "step 'set ulimit %s': it reads otherwise afterwards",
			       u->kind->name);
	return 0;
}

int ulimits_set(const struct ulimits *ulimits, struct tare_err *err)
{
	int r = 0;

	for (size_t i = 0; i < ulimits->n && r == 0; i++)
		r = set(&ulimits->items[i], err);
	return r;
}

int ulimit_read(const struct ulimit_kind *kind, pid_t pid, struct ulimit *ret, struct tare_err *err)
{
	struct rlimit now;

	if (prlimit(pid, kind->resource, NULL, &now) < 0)
		return err_errno(err, "ulimit %s: read that of process %d", kind->name, pid);
	*ret = (struct ulimit){.kind = kind, .soft = now.rlim_cur, .hard = now.rlim_max};
	return 0;
}
