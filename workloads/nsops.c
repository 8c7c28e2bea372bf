/* SPDX-License-Identifier: MIT */
/* Namespaces: a new one in place of the one before, or a change to one that is there. */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

enum nsops_call { NSOPS_UNSHARE, NSOPS_SETNS };

static const struct {
	const char *name;
	int flag;
} kinds[] = {{"uts", CLONE_NEWUTS},
	     {"ipc", CLONE_NEWIPC},
	     {"mnt", CLONE_NEWNS},
	     {"net", CLONE_NEWNET},
	     {"cgroup", CLONE_NEWCGROUP}};
#define KINDS "uts|ipc|mnt|net|cgroup"

struct nsops {
	int kind, call, fd; /* fd: 0 while there is none */
};

static int nsops_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct nsops *s = state;
	int flag = kinds[s->kind].flag;

	if (s->call == NSOPS_SETNS) {
		for (uint64_t i = 0; i < iters; i++)
			if (setns(s->fd, flag) < 0)
				return refusal_errno(err, "setns");
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		if (unshare(flag) < 0)
			return refusal_errno(err, "unshare");
	return 0;
}

static int nsops_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct nsops *s = state;
	char path[32];
	int fd;

	s->call = param_choice("call", params[0], "unshare|setns", err);
	if (s->call < 0)
		return s->call;
	s->kind = param_choice("kind", params[1], KINDS, err);
	if (s->kind < 0)
		return s->kind;
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[s->kind].name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? err_set(err, ENOTSUP, "this kernel has no %s namespaces",
						 kinds[s->kind].name)
				       : err_errno(err, "open '%s'", path);
	s->fd = fd;
	return nsops_run(s, 1, err); /* whether it may be called here */
}

static void nsops_teardown(void *state)
{
	const struct nsops *s = state;

	if (s->fd > 0)
		(void)close(s->fd);
}

const struct workload workload_nsops = {
	.name = "nsops",
	.summary = "enter a new namespace, or one that is there",
	.op = "unshare(2) or setns(2)",
	.groups = "syscall",
	.params = (const struct workload_param[]){{"call", "what is called: unshare|setns",
						   "unshare"},
						  {"kind", "of namespace: " KINDS, "uts"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"unshare", 1, "call=unshare"},
						      {"setns", 1, "call=setns"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct nsops),
	.setup = nsops_setup,
	.run = nsops_run,
	.teardown = nsops_teardown,
};
