/* SPDX-License-Identifier: MIT */
/* The table of file descriptors, and a reference to an open file. */

#include "dup.h"
#include "workload.h"

static int dup_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	(void)state;
	for (uint64_t i = 0; i < iters; i++) {
		int r = dup_and_close(err);

		if (r < 0)
			return r;
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
