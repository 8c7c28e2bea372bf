/* SPDX-License-Identifier: MIT */
/* Address space that comes, is used once, and goes: what allocators ask of a kernel. */

#include <sys/mman.h>

#include "base/err.h"
#include "pages.h"
#include "param.h"
#include "workload.h"

struct mmap_load {
	uint64_t size;
	size_t page;
};

static int mmap_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct mmap_load *s = state;
	int r;

	s->page = pages_size();
	r = param_size("size", params[0], s->page, 1 << 30, s->page, &s->size, err);
	return r < 0 ? r : pages_refuse_huge(err);
}

static int mmap_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct mmap_load *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		char *base = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (base == MAP_FAILED)
			return err_errno(err, "mmap");
		pages_touch(base, s->size, s->page);
		if (munmap(base, s->size) < 0)
			return err_errno(err, "munmap");
	}
	return 0;
}

const struct workload workload_mmap = {
	.name = "mmap",
	.summary = "map anonymous memory, touch each page, and unmap it",
	.op = "mmap(2), a write to each base page, and munmap(2)",
	.groups = "memory core",
	.params = (const struct workload_param[]){{"size", "bytes that are mapped: pages", "64K"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"mmap", 1, NULL},
						      {"munmap", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct mmap_load),
	.setup = mmap_load_setup,
	.run = mmap_load_run,
};
