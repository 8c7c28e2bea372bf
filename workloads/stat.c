/* SPDX-License-Identifier: MIT */
/* The path walk of openclose without the open file; or neither, by a descriptor. */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "param.h"
#include "workload.h"

enum stat_by { STAT_PATH, STAT_FD };

struct stat_load {
	struct folder folder;
	int by;
};

static int stat_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct stat_load *s = state;

	s->by = param_choice("by", params[1], "path|fd", err);
	return s->by < 0 ? s->by : folder_make_with_file(&s->folder, params[0], err);
}

static int stat_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct stat_load *s = state;
	const struct folder *folder = &s->folder;
	struct statx stx;
	struct stat st;

	if (s->by == STAT_FD) {
		/* By the bare call: libraries differ in which of two they make. */
		for (uint64_t i = 0; i < iters; i++)
			if (syscall(SYS_fstat, folder->fd, &st) < 0)
				return err_errno(err, "fstat '%s'", folder->path);
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		if (statx(folder->fd, folder->file, 0, STATX_BASIC_STATS, &stx) < 0)
			return err_errno(err, "statx '%s'", folder->file);
	return 0;
}

static void stat_load_teardown(void *state)
{
	struct stat_load *s = state;

	folder_remove(&s->folder);
}

const struct workload workload_stat = {
	.name = "stat",
	.summary = "ask what a file is",
	.op = "statx(2) of a file, or fstat(2) of an open folder",
	.groups = "syscall core",
	.params = (const struct workload_param[]){{"depth", "names in the path: 1 to 32", "1"},
						  {"by", "how it is named: path|fd", "path"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"statx", 1, "by=path"},
						      {"fstat", 1, "by=fd"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct stat_load),
	.setup = stat_load_setup,
	.run = stat_load_run,
	.teardown = stat_load_teardown,
};
