/* SPDX-License-Identifier: MIT */
/* A cached file's data to where they are thrown away, without a copy through this process: by
 * way of a pipe of our own, or of the kernel's. */

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/err.h"
#include "pages.h"
#include "param.h"
#include "refusal.h"
#include "workfile.h"
#include "workload.h"

#define PIPE_BYTES 65536 /* that a pipe holds: pipe(7) */

enum splice_via { SPLICE_SPLICE, SPLICE_SENDFILE };

struct splice_load {
	struct workfile file;
	uint64_t size;
	int via, ends[2], null_fd;
};

static int splice_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct splice_load *s = state;
	ssize_t want = (ssize_t)s->size;

	if (s->via == SPLICE_SENDFILE) {
		for (uint64_t i = 0; i < iters; i++) {
			off_t at = 0;

			if (sendfile(s->null_fd, s->file.fd, &at, s->size) != want)
				return refusal_errno(err, "sendfile");
		}
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++) {
		loff_t at = 0;

		if (splice(s->file.fd, &at, s->ends[1], NULL, s->size, 0) != want)
			return refusal_errno(err, "splice from the file");
		if (splice(s->ends[0], NULL, s->null_fd, NULL, s->size, 0) != want)
			return refusal_errno(err, "splice to '/dev/null'");
	}
	return 0;
}

static int splice_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct splice_load *s = state;
	int r;

	s->ends[0] = s->ends[1] = s->null_fd = -1;
	s->via = param_choice("via", params[0], "splice|sendfile", err);
	if (s->via < 0)
		return s->via;
	r = param_size("size", params[1], pages_size(), PIPE_BYTES, pages_size(), &s->size, err);
	if (r < 0)
		return r;
	s->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (s->null_fd < 0)
		return err_errno(err, "open '/dev/null'");
	if (pipe2(s->ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	r = workfile_make(&s->file, s->size, 0, err);
	return r < 0 ? r : splice_load_run(s, 1, err); /* whether the filesystem can */
}

static void splice_load_teardown(void *state)
{
	struct splice_load *s = state;

	workfile_remove(&s->file);
	for (int i = 0; i < 2; i++)
		if (s->ends[i] >= 0)
			(void)close(s->ends[i]);
	if (s->null_fd >= 0)
		(void)close(s->null_fd);
}

const struct workload workload_splice = {
	.name = "splice",
	.summary = "a cached file to /dev/null without a copy",
	.op = "splice(2) into a pipe and splice(2) out of it, or sendfile(2)",
	.groups = "io",
	.params = (const struct workload_param[]){{"via", "the call: splice|sendfile", "splice"},
						  {"size", "bytes of the file: pages, at most 64K",
						   "64K"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"splice", 2, "via=splice"},
						      {"sendfile", 1, "via=sendfile"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct splice_load),
	.setup = splice_load_setup,
	.run = splice_load_run,
	.teardown = splice_load_teardown,
};
