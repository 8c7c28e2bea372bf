/* SPDX-License-Identifier: MIT */
/* A file's data into the page cache; when they go to the disk is the kernel's decision. */

#include <unistd.h>

#include "blocks.h"

static int pwrite_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct blocks *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n = pwrite(s->file.fd, s->buf, s->size, (off_t)blocks_next(s));

		if (n != (ssize_t)s->size)
			return blocks_refuse("pwrite", n, err);
	}
	return 0;
}

const struct workload workload_pwrite = {
	.name = "pwrite",
	.summary = "overwrite a cached file",
	.op = "pwrite(2) of one block",
	.groups = "io",
	.params = (const struct workload_param[]){BLOCKS_PARAMS, {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pwrite64", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct blocks),
	.setup = blocks_setup,
	.run = pwrite_load_run,
	.teardown = blocks_teardown,
};
