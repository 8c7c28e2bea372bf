/* SPDX-License-Identifier: MIT */
/* Changes of a folder: the filesystem's own work, without data and without waiting. */

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "workload.h"

static int create_setup(void *state, const char *const *params, struct tare_err *err)
{
	(void)params;
	return folder_make(state, 1, err);
}

static int create_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct folder *folder = state;

	for (uint64_t i = 0; i < iters; i++) {
		int fd = openat(folder->fd, folder->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				0600);

		if (fd < 0)
			return err_errno(err, "create '%s'", folder->file);
		if (close(fd) < 0)
			return err_errno(err, "close '%s'", folder->file);
		if (unlinkat(folder->fd, folder->file, 0) < 0)
			return err_errno(err, "unlink '%s'", folder->file);
	}
	return 0;
}

static void create_teardown(void *state)
{
	folder_remove(state);
}

const struct workload workload_create = {
	.name = "create",
	.summary = "create an empty file and remove it",
	.op = "openat(2) with O_CREAT|O_EXCL, close(2) and unlinkat(2)",
	.groups = "io",
	.syscalls = (const struct workload_syscall[]){{"openat", 1, NULL},
						      {"close", 1, NULL},
						      {"unlinkat", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct folder),
	.setup = create_setup,
	.run = create_run,
	.teardown = create_teardown,
};
