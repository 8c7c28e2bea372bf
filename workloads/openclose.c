/* SPDX-License-Identifier: MIT */
/* Finding a file by its path: the cost of each folder shows as depth grows. */

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "workload.h"

static int openclose_setup(void *state, const char *const *params, struct tare_err *err)
{
	return folder_make_with_file(state, params[0], err);
}

static int openclose_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct folder *folder = state;

	for (uint64_t i = 0; i < iters; i++) {
		int fd = openat(folder->fd, folder->file, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return err_errno(err, "open '%s'", folder->file);
		if (close(fd) < 0)
			return err_errno(err, "close '%s'", folder->file);
	}
	return 0;
}

static void openclose_teardown(void *state)
{
	folder_remove(state);
}

const struct workload workload_openclose = {
	.name = "openclose",
	.summary = "open and close a file",
	.op = "openat(2) and close(2)",
	.groups = "syscall core",
	.params = (const struct workload_param[]){{"depth", "names in the path: 1 to 32", "1"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"openat", 1, NULL},
						      {"close", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct folder),
	.setup = openclose_setup,
	.run = openclose_run,
	.teardown = openclose_teardown,
};
