/* SPDX-License-Identifier: MIT */
/* One byte through the file layer and no further: what a read and a write cost at least. */

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "workload.h"

struct rw1 {
	int zero_fd, null_fd;
};

static int rw1_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct rw1 *s = state;

	(void)params;
	s->null_fd = -1;
	s->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (s->zero_fd < 0)
		return err_errno(err, "open '/dev/zero'");
	s->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (s->null_fd < 0)
		return err_errno(err, "open '/dev/null'");
	return 0;
}

static int rw1_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct rw1 *s = state;
	char byte;

	for (uint64_t i = 0; i < iters; i++) {
		if (read(s->zero_fd, &byte, 1) != 1)
			return err_errno(err, "read '/dev/zero'");
		if (write(s->null_fd, &byte, 1) != 1)
			return err_errno(err, "write '/dev/null'");
	}
	return 0;
}

static void rw1_teardown(void *state)
{
	const struct rw1 *s = state;

	if (s->zero_fd >= 0)
		(void)close(s->zero_fd);
	if (s->null_fd >= 0)
		(void)close(s->null_fd);
}

const struct workload workload_rw1 = {
	.name = "rw1",
	.summary = "read a byte from /dev/zero and write it to /dev/null",
	.op = "read(2) and write(2) of 1 byte",
	.groups = "syscall core",
	.syscalls = (const struct workload_syscall[]){{"read", 1, NULL},
						      {"write", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct rw1),
	.setup = rw1_setup,
	.run = rw1_run,
	.teardown = rw1_teardown,
};
