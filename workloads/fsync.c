/* SPDX-License-Identifier: MIT */
/* Data that is safe on the disk: the way of every database's commit. */

#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "workload.h"

#define FSYNC_BLOCK 4096

struct fsync_load {
	struct folder folder;
	int fd;
	char block[FSYNC_BLOCK];
};

static int fsync_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fsync_load *s = state;
	int r;

	(void)params;
	s->fd = -1;
	r = folder_make(&s->folder, 1, err);
	if (r < 0)
		return r;
	s->fd = folder_make_file(&s->folder, FSYNC_BLOCK, 0, err);
	return s->fd < 0 ? s->fd : 0;
}

static int fsync_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct fsync_load *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		if (pwrite(s->fd, s->block, sizeof(s->block), 0) != sizeof(s->block))
			return err_errno(err, "pwrite");
		if (fdatasync(s->fd) < 0)
			return err_errno(err, "fdatasync");
	}
	return 0;
}

static void fsync_load_teardown(void *state)
{
	struct fsync_load *s = state;

	if (s->fd >= 0)
		(void)close(s->fd);
	folder_remove(&s->folder);
}

const struct workload workload_fsync = {
	.name = "fsync",
	.summary = "overwrite 4 KiB of a file and wait until the disk has them",
	.op = "pwrite(2) of 4 KiB and fdatasync(2)",
	.groups = "io",
	.syscalls = (const struct workload_syscall[]){{"pwrite64", 1, NULL},
						      {"fdatasync", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct fsync_load),
	.setup = fsync_load_setup,
	.run = fsync_load_run,
	.teardown = fsync_load_teardown,
};
