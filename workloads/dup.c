/* SPDX-License-Identifier: MIT */
/* The table of file descriptors, and a reference to an open file. */

#include <unistd.h>

#include "base/err.h"
#include "workload.h"

static int dup_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	(void)state;
	for (uint64_t i = 0; i < iters; i++) {
		int fd = dup(STDIN_FILENO);

		if (fd < 0)
			return err_errno(err, "dup");
		if (close(fd) < 0)
			return err_errno(err, "close");
	}
	return 0;
}

const struct workload workload_dup = {
	.name = "dup",
	.summary = "duplicate a file descriptor and close it",
	.op = "dup(2) and close(2)",
	.groups = "syscall",
	.syscalls = (const struct workload_syscall[]){{"dup", 1, NULL},
						      {"close", 1, NULL},
						      {NULL, 0, NULL}},
	.run = dup_load_run,
};
