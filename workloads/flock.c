/* SPDX-License-Identifier: MIT */
/* A lock on a file that nobody else wants: by record (fcntl) or of the whole (flock). */

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "workfile.h"
#include "workload.h"

enum flock_how { FLOCK_FCNTL, FLOCK_FLOCK };

struct flock_load {
	struct workfile file;
	int how;
};

static int flock_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct flock_load *s = state;

	s->how = param_choice("how", params[0], "fcntl|flock", err);
	return s->how < 0 ? s->how : workfile_make(&s->file, 1, 0, err);
}

static int flock_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct flock_load *s = state;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = s->file.fd;

	if (s->how == FLOCK_FLOCK) {
		for (uint64_t i = 0; i < iters; i++)
			if (flock(fd, LOCK_EX | LOCK_NB) < 0 || flock(fd, LOCK_UN) < 0)
				return err_errno(err, "flock");
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		if (fcntl(fd, F_SETLK, &lock) < 0 || fcntl(fd, F_SETLK, &unlock) < 0)
			return err_errno(err, "fcntl(F_SETLK)");
	return 0;
}

static void flock_load_teardown(void *state)
{
	struct flock_load *s = state;

	workfile_remove(&s->file);
}

const struct workload workload_flock = {
	.name = "flock",
	.summary = "lock a file and unlock it",
	.op = "two fcntl(F_SETLK), or two flock(2)",
	.groups = "syscall io",
	.params = (const struct workload_param[]){{"how", "the kind of lock: fcntl|flock", "fcntl"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"fcntl", 2, "how=fcntl"},
						      {"flock", 2, "how=flock"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct flock_load),
	.setup = flock_load_setup,
	.run = flock_load_run,
	.teardown = flock_load_teardown,
};
