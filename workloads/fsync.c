/* SPDX-License-Identifier: MIT */
/* Data that is safe on the disk: the way of every database's commit. */

#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "workfile.h"
#include "workload.h"

#define FSYNC_BLOCK 4096

enum fsync_at { FSYNC_OVER, FSYNC_APPEND };

struct fsync_load {
	struct workfile file;
	int at;
	char block[FSYNC_BLOCK];
};

static int fsync_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fsync_load *s = state;
	int r;

	s->at = param_choice("at", params[0], "over|append", err);
	if (s->at < 0)
		return s->at;
	r = workfile_make(&s->file, s->at == FSYNC_APPEND ? 0 : FSYNC_BLOCK, 0, err);
	return r < 0 ? r : 0;
}

static int overwrite(const struct fsync_load *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		if (pwrite(s->file.fd, s->block, sizeof(s->block), 0) != sizeof(s->block))
			return err_errno(err, "pwrite");
		if (fdatasync(s->file.fd) < 0)
			return err_errno(err, "fdatasync");
	}
	return 0;
}

/* The file is as short again as before: it would fill the disk. */
static int append(const struct fsync_load *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		if (pwrite(s->file.fd, s->block, sizeof(s->block), 0) != sizeof(s->block))
			return err_errno(err, "pwrite");
		if (fdatasync(s->file.fd) < 0)
			return err_errno(err, "fdatasync");
		if (ftruncate(s->file.fd, 0) < 0)
			return err_errno(err, "ftruncate");
	}
	return 0;
}

static int fsync_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct fsync_load *s = state;

	return s->at == FSYNC_APPEND ? append(s, iters, err) : overwrite(s, iters, err);
}

static void fsync_load_teardown(void *state)
{
	struct fsync_load *s = state;

	workfile_remove(&s->file);
}

const struct workload workload_fsync = {
	.name = "fsync",
	.summary = "write 4 KiB of a file and wait until the disk has them",
	.op = "pwrite(2) of 4 KiB and fdatasync(2); appended ones are cut off by ftruncate(2)",
	.groups = "io core",
	.params = (const struct workload_param[]){{"at", "where they are: over|append", "over"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"pwrite64", 1, NULL},
						      {"fdatasync", 1, NULL},
						      {"ftruncate", 1, "at=append"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct fsync_load),
	.setup = fsync_load_setup,
	.run = fsync_load_run,
	.teardown = fsync_load_teardown,
};
