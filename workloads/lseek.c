/* SPDX-License-Identifier: MIT */
/* A file's position and the lock that guards it; no data moves. */

#include <unistd.h>

#include "base/err.h"
#include "workfile.h"
#include "workload.h"

#define LSEEK_FILE 4096

static int lseek_setup(void *state, const char *const *params, struct tare_err *err)
{
	(void)params;
	return workfile_make(state, LSEEK_FILE, 0, err);
}

static int lseek_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct workfile *file = state;

	for (uint64_t i = 0; i < iters; i++)
		if (lseek(file->fd, (off_t)(i % LSEEK_FILE), SEEK_SET) < 0)
			return err_errno(err, "lseek");
	return 0;
}

static void lseek_teardown(void *state)
{
	workfile_remove(state);
}

const struct workload workload_lseek = {
	.name = "lseek",
	.summary = "move a file's position",
	.op = "lseek(2)",
	.groups = "syscall",
	.syscalls = (const struct workload_syscall[]){{"lseek", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct workfile),
	.setup = lseek_setup,
	.run = lseek_run,
	.teardown = lseek_teardown,
};
