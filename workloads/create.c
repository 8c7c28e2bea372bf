/* SPDX-License-Identifier: MIT */
/* Changes of a folder: the filesystem's own work, without data and without waiting. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "param.h"
#include "workload.h"

#define OTHER "g" /* the other name, when a file is renamed */

enum create_what { CREATE_FILE, CREATE_RENAME, CREATE_MKDIR };

struct create {
	struct folder folder;
	int what;
};

static int create_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct create *s = state;
	int r;

	s->what = param_choice("what", params[0], "file|rename|mkdir", err);
	if (s->what < 0)
		return s->what;
	r = folder_make(&s->folder, 1, err);
	if (r < 0 || s->what != CREATE_RENAME)
		return r;
	r = folder_make_file(&s->folder, 1, 0, err);
	if (r < 0)
		return r;
	(void)close(r);
	return 0;
}

static int run_file(const struct folder *folder, uint64_t iters, struct tare_err *err)
{
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

static int run_rename(const struct folder *folder, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++)
		if (renameat(folder->fd, folder->file, folder->fd, OTHER) < 0 ||
		    renameat(folder->fd, OTHER, folder->fd, folder->file) < 0)
			return err_errno(err, "rename '%s'", folder->file);
	return 0;
}

static int run_mkdir(const struct folder *folder, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		if (mkdirat(folder->fd, OTHER, 0700) < 0)
			return err_errno(err, "mkdir '" OTHER "'");
		if (unlinkat(folder->fd, OTHER, AT_REMOVEDIR) < 0)
			return err_errno(err, "rmdir '" OTHER "'");
	}
	return 0;
}

static int create_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct create *s = state;

	if (s->what == CREATE_FILE)
		return run_file(&s->folder, iters, err);
	return s->what == CREATE_RENAME ? run_rename(&s->folder, iters, err)
					: run_mkdir(&s->folder, iters, err);
}

static void create_teardown(void *state)
{
	struct create *s = state;

	folder_remove(&s->folder);
}

const struct workload workload_create = {
	.name = "create",
	.summary = "create an empty file and remove it, or rename one, or the same of a folder",
	.op = "openat(2) with O_CREAT|O_EXCL, close(2) and unlinkat(2); or two renameat(2); or "
	      "mkdirat(2) and unlinkat(2)",
	.groups = "io core",
	.params =
		(const struct workload_param[]){{"what", "what is done: file|rename|mkdir", "file"},
						{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"openat", 1, "what=file"},
						      {"close", 1, "what=file"},
						      {"unlinkat", 1, "what=file"},
						      {"renameat", 2, "what=rename"},
						      {"mkdirat", 1, "what=mkdir"},
						      {"unlinkat", 1, "what=mkdir"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct create),
	.setup = create_setup,
	.run = create_run,
	.teardown = create_teardown,
};
