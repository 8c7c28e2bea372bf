/* SPDX-License-Identifier: MIT */
/* The path walk of openclose without the open file. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "workload.h"

static int stat_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	return folder_make_with_file(state, params[0], err);
}

static int stat_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct folder *folder = state;
	struct statx st;

	for (uint64_t i = 0; i < iters; i++)
		if (statx(folder->fd, folder->file, 0, STATX_BASIC_STATS, &st) < 0)
			return err_errno(err, "statx '%s'", folder->file);
	return 0;
}

static void stat_load_teardown(void *state)
{
	folder_remove(state);
}

const struct workload workload_stat = {
	.name = "stat",
	.summary = "ask what a file is",
	.op = "statx(2)",
	.groups = "syscall",
	.params = (const struct workload_param[]){{"depth", "names in the path: 1 to 32", "1"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"statx", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct folder),
	.setup = stat_load_setup,
	.run = stat_load_run,
	.teardown = stat_load_teardown,
};
