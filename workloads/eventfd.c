/* SPDX-License-Identifier: MIT */
/* A counter in the kernel, raised and read: the cheapest thing that others can wait for. */

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "refusal.h"
#include "workload.h"

struct eventfd_load {
	bool open;
	int fd;
};

static int eventfd_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct eventfd_load *s = state;

	(void)params;
	s->fd = eventfd(0, EFD_CLOEXEC);
	if (s->fd < 0)
		return refusal_errno(err, "eventfd2");
	s->open = true;
	return 0;
}

static int eventfd_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct eventfd_load *s = state;
	uint64_t count = 1;

	for (uint64_t i = 0; i < iters; i++) {
		if (write(s->fd, &count, sizeof(count)) != sizeof(count))
			return err_errno(err, "write to an eventfd");
		if (read(s->fd, &count, sizeof(count)) != sizeof(count))
			return err_errno(err, "read from an eventfd");
	}
	return 0;
}

static void eventfd_load_teardown(void *state)
{
	const struct eventfd_load *s = state;

	if (s->open)
		(void)close(s->fd);
}

const struct workload workload_eventfd = {
	.name = "eventfd",
	.summary = "raise an event counter and read it",
	.op = "write(2) and read(2) of 8 bytes",
	.groups = "syscall",
	.syscalls = (const struct workload_syscall[]){{"write", 1, NULL},
						      {"read", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct eventfd_load),
	.setup = eventfd_load_setup,
	.run = eventfd_load_run,
	.teardown = eventfd_load_teardown,
};
