/* SPDX-License-Identifier: MIT */
/* The end of the heap, a page up and down: the address space changes, no page is touched. */

#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "pages.h"
#include "workload.h"

struct brk_load {
	long end, page;
};

/* By the bare call: the C library's keeps its own account, which malloc(3) goes by; nothing
 * is allocated from here to the end of the run. */
static int brk_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct brk_load *s = state;

	(void)params;
	s->page = (long)pages_size();
	s->end = syscall(SYS_brk, 0);
	return s->end < 0 ? err_errno(err, "brk") : 0;
}

/* What it gives back is where the end is then: elsewhere means refused. */
static int brk_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct brk_load *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		if (syscall(SYS_brk, s->end + s->page) != s->end + s->page)
			return err_set(err, ENOMEM, "brk: the heap does not grow");
		if (syscall(SYS_brk, s->end) != s->end)
			return err_set(err, ENOMEM, "brk: the heap does not shrink");
	}
	return 0;
}

const struct workload workload_brk = {
	.name = "brk",
	.summary = "let the heap grow by a page and shrink again",
	.op = "two brk(2)",
	.groups = "memory",
	.syscalls = (const struct workload_syscall[]){{"brk", 2, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct brk_load),
	.setup = brk_load_setup,
	.run = brk_load_run,
};
