/* SPDX-License-Identifier: MIT */
/* Requests by the older asynchronous calls: so many handed over, and all waited for. */

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "param.h"
#include "refusal.h"
#include "workfile.h"
#include "workload.h"

#define DEPTH_MAX 128
#define BLOCK     4096

struct aio {
	struct workfile file;
	aio_context_t context;
	uint64_t depth;
	char *block;
	struct iocb requests[DEPTH_MAX], *pointers[DEPTH_MAX];
};

static int aio_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct aio *s = state;
	struct io_event events[DEPTH_MAX];
	long depth = (long)s->depth;

	for (uint64_t i = 0; i < iters; i++) {
		if (syscall(SYS_io_submit, s->context, depth, s->pointers) != depth)
			return err_errno(err, "io_submit");
		if (syscall(SYS_io_getevents, s->context, depth, depth, events, NULL) != depth)
			return err_errno(err, "io_getevents");
		for (long n = 0; n < depth; n++)
			if (events[n].res != BLOCK)
				return err_set(err, EIO, "a read gave %lld",
					       (long long)events[n].res);
	}
	return 0;
}

static int aio_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct aio *s = state;
	int direct, r;

	direct = param_choice("direct", params[0], "off|on", err);
	if (direct < 0)
		return direct;
	r = units_parse_count("depth", params[1], 1, DEPTH_MAX, &s->depth, err);
	if (r < 0)
		return r;
	s->block = aligned_alloc(BLOCK, BLOCK);
	if (!s->block)
		return err_set(err, ENOMEM, "out of memory");
	r = workfile_make(&s->file, BLOCK, direct ? O_DIRECT : 0, err);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < s->depth; i++) {
		s->requests[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
					       .aio_fildes = (uint32_t)s->file.fd,
					       .aio_buf = (uintptr_t)s->block,
					       .aio_nbytes = BLOCK};
		s->pointers[i] = &s->requests[i];
	}
	if (syscall(SYS_io_setup, s->depth, &s->context) < 0)
		return refusal_errno(err, "io_setup");
	return aio_run(s, 1, err);
}

static void aio_teardown(void *state)
{
	struct aio *s = state;

	if (s->context)
		(void)syscall(SYS_io_destroy, s->context);
	workfile_remove(&s->file);
	free(s->block);
}

const struct workload workload_aio = {
	.name = "aio",
	.summary = "read a file by asynchronous requests",
	.op = "io_submit(2) and io_getevents(2) of all requests, 4 KiB each",
	.groups = "io",
	.params = (const struct workload_param[]){{"direct", "O_DIRECT: off|on", "off"},
						  {"depth", "requests at a time: 1 to 128", "1"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"io_submit", 1, NULL},
						      {"io_getevents", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct aio),
	.setup = aio_setup,
	.run = aio_run,
	.teardown = aio_teardown,
};
