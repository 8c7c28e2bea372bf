/* SPDX-License-Identifier: MIT */
/* Requests by the older asynchronous calls: so many handed over, and all waited for. */

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "requests.h"
#include "workload.h"

struct aio {
	struct requests all;
	aio_context_t context;
	struct iocb requests[REQUESTS_MAX], *pointers[REQUESTS_MAX];
};

static int aio_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct aio *s = state;
	struct io_event events[REQUESTS_MAX];
	long depth = (long)s->all.depth;

	for (uint64_t i = 0; i < iters; i++) {
		if (syscall(SYS_io_submit, s->context, depth, s->pointers) != depth)
			return err_errno(err, "io_submit");
		if (syscall(SYS_io_getevents, s->context, depth, depth, events, NULL) != depth)
			return err_errno(err, "io_getevents");
		for (long n = 0; n < depth; n++)
			if (events[n].res != REQUESTS_BLOCK)
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
	if ((r = requests_read_depth(&s->all, params[1], err)) < 0 ||
	    (r = requests_make_file(&s->all, direct ? O_DIRECT : 0, err)) < 0)
		return r;
	for (uint64_t i = 0; i < s->all.depth; i++) {
		s->requests[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
					       .aio_fildes = (uint32_t)s->all.file.fd,
					       .aio_buf = (uintptr_t)s->all.block,
					       .aio_nbytes = REQUESTS_BLOCK};
		s->pointers[i] = &s->requests[i];
	}
	if (syscall(SYS_io_setup, s->all.depth, &s->context) < 0)
		return refusal_errno(err, "io_setup");
	return aio_run(s, 1, err);
}

static void aio_teardown(void *state)
{
	struct aio *s = state;

	if (s->context)
		(void)syscall(SYS_io_destroy, s->context);
	requests_remove(&s->all);
}

const struct workload workload_aio = {
	.name = "aio",
	.summary = "read a file by asynchronous requests",
	.op = "io_submit(2) and io_getevents(2) of all requests, 4 KiB each",
	.groups = "io",
	.params = (const struct workload_param[]){{"direct", "O_DIRECT: off|on", "off"},
						  REQUESTS_DEPTH,
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"io_submit", 1, NULL},
						      {"io_getevents", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct aio),
	.setup = aio_setup,
	.run = aio_run,
	.teardown = aio_teardown,
};
