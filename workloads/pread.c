/* SPDX-License-Identifier: MIT */
/* A file's data from the page cache: no disk takes part after the first time. */

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "param.h"
#include "workload.h"

struct pread_load {
	struct folder folder;
	uint64_t size;
	char *buf;
	int fd;
};

static int pread_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct pread_load *s = state;
	int r;

	s->fd = -1;
	r = param_size("size", params[0], 1, 64 << 20, 1, &s->size, err);
	if (r < 0)
		return r;
	s->buf = calloc(1, s->size);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	r = folder_make(&s->folder, 1, err);
	if (r < 0)
		return r;
	s->fd = folder_make_file(&s->folder, s->size, 0, err);
	return s->fd < 0 ? s->fd : 0;
}

static int pread_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct pread_load *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n = pread(s->fd, s->buf, s->size, 0);

		if (n != (ssize_t)s->size)
			return n < 0 ? err_errno(err, "pread")
				     : err_set(err, EIO, "pread gave %zd bytes", n);
	}
	return 0;
}

static void pread_load_teardown(void *state)
{
	struct pread_load *s = state;

	if (s->fd >= 0)
		(void)close(s->fd);
	folder_remove(&s->folder);
	free(s->buf);
}

const struct workload workload_pread = {
	.name = "pread",
	.summary = "read a cached file",
	.op = "pread(2) of the whole file",
	.groups = "io",
	.params = (const struct workload_param[]){{"size", "bytes of the file, such as 64K", "4K"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pread64", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct pread_load),
	.setup = pread_load_setup,
	.run = pread_load_run,
	.teardown = pread_load_teardown,
};
