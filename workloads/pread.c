/* SPDX-License-Identifier: MIT */
/* A file's data from the page cache: no disk takes part after the first time. */

#include <unistd.h>

#include "blocks.h"

static int pread_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct blocks *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n = pread(s->file.fd, s->buf, s->size, (off_t)blocks_next(s));

		if (n != (ssize_t)s->size)
			return blocks_refuse("pread", n, err);
	}
	return 0;
}

const struct workload workload_pread = {
	.name = "pread",
	.summary = "read a cached file",
	.op = "pread(2) of one block",
	.groups = "io core",
	.params = (const struct workload_param[]){BLOCKS_PARAMS, {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pread64", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct blocks),
	.setup = blocks_setup,
	.run = pread_load_run,
	.teardown = blocks_teardown,
};
