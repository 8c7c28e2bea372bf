/* SPDX-License-Identifier: MIT */
/* Space of a file's that is taken and given back, without data: extents, or the pages of a tmpfs.
 */

#include <fcntl.h>
#include <linux/falloc.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "workfile.h"
#include "workload.h"

#define FALLOC_STEP 4096

struct falloc {
	struct workfile file;
	uint64_t size;
};

static int falloc_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct falloc *s = state;
	off_t size = (off_t)s->size;

	for (uint64_t i = 0; i < iters; i++) {
		if (fallocate(s->file.fd, FALLOC_FL_KEEP_SIZE, 0, size) < 0)
			return refusal_errno(err, "fallocate");
		if (fallocate(s->file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size) < 0)
			return refusal_errno(err, "fallocate(FALLOC_FL_PUNCH_HOLE)");
	}
	return 0;
}

static int falloc_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct falloc *s = state;
	int r = param_size("size", params[0], FALLOC_STEP, 64 << 20, FALLOC_STEP, &s->size, err);

	if (r < 0)
		return r;
	r = workfile_make(&s->file, 0, 0, err);
	return r < 0 ? r : falloc_run(s, 1, err); /* whether the filesystem has them */
}

static void falloc_teardown(void *state)
{
	struct falloc *s = state;

	workfile_remove(&s->file);
}

const struct workload workload_falloc = {
	.name = "falloc",
	.summary = "take space for a file and give it back",
	.op = "fallocate(2), and fallocate(FALLOC_FL_PUNCH_HOLE) of the same",
	.groups = "io",
	.params = (const struct workload_param[]){{"size", "bytes that are taken", "64K"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"fallocate", 2, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct falloc),
	.setup = falloc_setup,
	.run = falloc_run,
	.teardown = falloc_teardown,
};
