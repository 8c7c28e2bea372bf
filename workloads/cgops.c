/* SPDX-License-Identifier: MIT */
/* Cgroups, version 2: reading what a group has used, making one, moving a process into it and
 * back. Everything happens in the load's own group, which is taken down with all below it. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "owngroup.h"
#include "param.h"
#include "partner.h"
#include "refusal.h"
#include "workload.h"

#define CHILD     "tare-load"
#define STAT_SIZE 4096

#define GUARD_TRIES 200

enum cgops_what { CGOPS_STAT, CGOPS_MKDIR, CGOPS_MIGRATE };

struct cgops {
	int what;
	int group_fd, stat_fd, here_fd, there_fd; /* 0 while there is none */
	bool made;                                /* the group below */
	char child[32];                           /* its name */
	char pid[16];                             /* of who is moved, as text */
	int pid_size;
	pid_t partner, guard;
	int alive[2]; /* pipe: the writing end is open as long as we live; 0, 0 while there is none
		       */
};

static int open_group(struct cgops *s, struct tare_err *err)
{
	int fd = owngroup_open(err);

	if (fd < 0)
		return fd;
	s->group_fd = fd;
	(void)snprintf(s->child, sizeof(s->child), CHILD "-%d", (int)getpid());
	return 0;
}

/* name: below the own group. */
static int open_file(const struct cgops *s, const char *name, int flags, int *ret,
		     struct tare_err *err)
{
	int fd = openat(s->group_fd, name, flags | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? err_set(err, ENOTSUP, "the own cgroup has no '%s'", name)
				       : refusal_errno(err, name);
	*ret = fd;
	return 0;
}

/* Nobody but us knows of the group below: one that is killed must not leave it to the machine. */
static __attribute__((noreturn)) void guard_group(void *state)
{
	static const struct timespec delay = {.tv_nsec = 10000000};
	const struct cgops *s = state;
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, 0);
	(void)close(s->alive[1]);
	while (read(s->alive[0], &byte, 1) > 0)
		;
	/* Who was moved dies as well, a moment later. */
	for (int i = 0; i < GUARD_TRIES; i++) {
		if (unlinkat(s->group_fd, s->child, AT_REMOVEDIR) == 0 || errno != EBUSY)
			break;
		(void)nanosleep(&delay, NULL);
	}
	_exit(EXIT_SUCCESS);
}

/* Before the group is made. */
static int start_guard(struct cgops *s, struct tare_err *err)
{
	int r;

	if (pipe2(s->alive, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	r = partner_start(guard_group, s, err);
	if (r < 0)
		return r;
	s->guard = r;
	return 0;
}

static __attribute__((noreturn)) void be_moved(void *state)
{
	(void)state;
	for (;;)
		(void)pause();
}

static int run_stat(const struct cgops *s, uint64_t iters, struct tare_err *err)
{
	char text[STAT_SIZE];

	for (uint64_t i = 0; i < iters; i++)
		if (pread(s->stat_fd, text, sizeof(text), 0) <= 0)
			return refusal_errno(err, "read 'cpu.stat'");
	return 0;
}

static int run_mkdir(const struct cgops *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		if (mkdirat(s->group_fd, s->child, 0700) < 0)
			return refusal_errno(err, "make a cgroup");
		if (unlinkat(s->group_fd, s->child, AT_REMOVEDIR) < 0)
			return err_errno(err, "remove cgroup '%s'", s->child);
	}
	return 0;
}

static int run_migrate(const struct cgops *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++)
		if (write(s->there_fd, s->pid, (size_t)s->pid_size) != s->pid_size ||
		    write(s->here_fd, s->pid, (size_t)s->pid_size) != s->pid_size)
			return refusal_errno(err, "move a process to another cgroup");
	return 0;
}

static int cgops_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct cgops *s = state;

	if (s->what == CGOPS_STAT)
		return run_stat(s, iters, err);
	return s->what == CGOPS_MKDIR ? run_mkdir(s, iters, err) : run_migrate(s, iters, err);
}

/* Not the player is moved: it stays where it is counted. */
static int prepare_migration(struct cgops *s, struct tare_err *err)
{
	char name[sizeof(s->child) + sizeof("/cgroup.procs")];
	int r;

	if (mkdirat(s->group_fd, s->child, 0700) < 0)
		return refusal_errno(err, "make a cgroup");
	s->made = true;
	(void)snprintf(name, sizeof(name), "%s/cgroup.procs", s->child);
	if ((r = open_file(s, name, O_WRONLY, &s->there_fd, err)) < 0 ||
	    (r = open_file(s, "cgroup.procs", O_WRONLY, &s->here_fd, err)) < 0)
		return r;
	r = partner_start(be_moved, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	s->pid_size = snprintf(s->pid, sizeof(s->pid), "%d", r);
	return 0;
}

static int cgops_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct cgops *s = state;
	int r;

	s->what = param_choice("what", params[0], "stat|mkdir|migrate", err);
	if (s->what < 0)
		return s->what;
	r = open_group(s, err);
	if (r == 0 && s->what == CGOPS_STAT)
		r = open_file(s, "cpu.stat", O_RDONLY, &s->stat_fd, err);
	if (r == 0 && s->what != CGOPS_STAT)
		r = start_guard(s, err);
	if (r == 0 && s->what == CGOPS_MIGRATE)
		r = prepare_migration(s, err);
	return r < 0 ? r : cgops_run(s, 1, err); /* whether it is allowed here */
}

static void cgops_teardown(void *state)
{
	struct cgops *s = state;
	const int fds[] = {s->stat_fd, s->here_fd, s->there_fd, s->alive[0]};

	partner_end(s->partner);
	if (s->made)
		(void)unlinkat(s->group_fd, s->child, AT_REMOVEDIR);
	if (s->alive[1] > 0)
		(void)close(s->alive[1]);
	if (s->guard > 0)
		partner_reap(s->guard);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] > 0)
			(void)close(fds[i]);
	if (s->group_fd > 0)
		(void)close(s->group_fd);
}

const struct workload workload_cgops = {
	.name = "cgops",
	.summary = "read, make or change cgroups",
	.op = "pread(2) of cpu.stat; or mkdirat(2) and unlinkat(2); or two write(2) of a PID",
	.groups = "syscall",
	.params =
		(const struct workload_param[]){
			{"what", "stat|mkdir|migrate: read cpu.stat, make a group, move a process",
			 "stat"},
			{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pread64", 1, "what=stat"},
						      {"mkdirat", 1, "what=mkdir"},
						      {"unlinkat", 1, "what=mkdir"},
						      {"write", 2, "what=migrate"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct cgops),
	.setup = cgops_setup,
	.run = cgops_run,
	.teardown = cgops_teardown,
};
