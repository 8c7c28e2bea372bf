/* SPDX-License-Identifier: MIT */
/* One byte to another process and back: two wake-ups, on one CPU by switching, on two by
 * interrupting the other. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "cpus.h"
#include "param.h"
#include "partner.h"
#include "workload.h"

enum pingpong_cpu { PINGPONG_SAME, PINGPONG_OTHER };

struct pingpong {
	int there[2], back[2]; /* pipes: read end, write end */
	int cpu;               /* enum pingpong_cpu */
	int own_cpu;           /* where the player is */
	pid_t partner;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static __attribute__((noreturn)) void pingpong_partner(void *state)
{
	struct pingpong *s = state;
	char byte;

	close_end(&s->there[1]);
	close_end(&s->back[0]);
	if (s->cpu == PINGPONG_OTHER && cpus_leave(s->own_cpu) < 0)
		_exit(EXIT_FAILURE);
	while (read(s->there[0], &byte, 1) == 1)
		if (write(s->back[1], &byte, 1) != 1)
			break;
	_exit(EXIT_SUCCESS);
}

static int pingpong_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct pingpong *s = state;
	char byte = 0;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n;

		if (write(s->there[1], &byte, 1) != 1)
			return err_errno(err, "write to the partner");
		n = read(s->back[0], &byte, 1);
		if (n == 0)
			return err_set(err, EPIPE, "the partner has ended");
		if (n < 0)
			return err_errno(err, "read from the partner");
	}
	return 0;
}

static int pingpong_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct pingpong *s = state;
	int r;

	s->there[0] = s->there[1] = s->back[0] = s->back[1] = -1;
	s->cpu = param_choice("cpu", params[0], "same|other", err);
	if (s->cpu < 0)
		return s->cpu;
	s->own_cpu = cpus_stay(s->cpu == PINGPONG_OTHER, err);
	if (s->own_cpu < 0)
		return s->own_cpu;
	if (pipe2(s->there, O_CLOEXEC) < 0 || pipe2(s->back, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	r = partner_start(pingpong_partner, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	close_end(&s->there[0]);
	close_end(&s->back[1]);
	return pingpong_run(s, 1, err); /* it lives, and is in its loop */
}

static void pingpong_teardown(void *state)
{
	struct pingpong *s = state;

	close_end(&s->there[0]);
	close_end(&s->there[1]);
	close_end(&s->back[0]);
	close_end(&s->back[1]);
	if (s->partner > 0)
		partner_reap(s->partner);
}

const struct workload workload_pingpong = {
	.name = "pingpong",
	.summary = "a byte through a pipe to another process and back",
	.op = "write(2) and read(2) of 1 byte, here and by the partner",
	.groups = "sched core",
	.params = (const struct workload_param[]){{"cpu", "the partner's CPU: same|other", "same"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"read", 2, NULL},
						      {"write", 2, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct pingpong),
	.setup = pingpong_setup,
	.run = pingpong_run,
	.teardown = pingpong_teardown,
};
