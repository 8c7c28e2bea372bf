/* SPDX-License-Identifier: MIT */
/* Bytes into a pipe and out of it by one process: two copies, and nobody to be woken. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "workload.h"

#define PIPE_BYTES 65536 /* that a pipe holds: pipe(7) */

struct pipebw {
	int ends[2];
	char *buf;
	uint64_t size;
};

static int pipebw_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct pipebw *s = state;
	int r;

	s->ends[0] = s->ends[1] = -1;
	r = param_size("size", params[0], 1, PIPE_BYTES, 1, &s->size, err);
	if (r < 0)
		return r;
	s->buf = calloc(1, s->size);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	if (pipe2(s->ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	/* Whoever has many pipes already gets small ones: pipe-user-pages-soft of pipe(7). */
	if (fcntl(s->ends[1], F_GETPIPE_SZ) < (int)s->size)
		return err_set(err, ENOBUFS, "the pipe is too small for %llu bytes",
			       (unsigned long long)s->size);
	return 0;
}

static int pipebw_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct pipebw *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		if (write(s->ends[1], s->buf, s->size) != (ssize_t)s->size)
			return err_errno(err, "write to a pipe");
		if (read(s->ends[0], s->buf, s->size) != (ssize_t)s->size)
			return err_errno(err, "read from a pipe");
	}
	return 0;
}

static void pipebw_teardown(void *state)
{
	struct pipebw *s = state;

	for (int i = 0; i < 2; i++)
		if (s->ends[i] >= 0)
			(void)close(s->ends[i]);
	free(s->buf);
}

const struct workload workload_pipebw = {
	.name = "pipebw",
	.summary = "bytes into a pipe and out of it",
	.op = "write(2) and read(2) of them all",
	.groups = "io memory",
	.params = (const struct workload_param[]){{"size", "bytes at a time, at most 64K", "64K"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"write", 1, NULL},
						      {"read", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct pipebw),
	.setup = pipebw_setup,
	.run = pipebw_run,
	.teardown = pipebw_teardown,
};
