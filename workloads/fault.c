/* SPDX-License-Identifier: MIT */
/* Page faults, with as little of the address space's own upkeep as can be: the mapping stays,
 * one call gives its pages back. */

#include <sys/mman.h>

#include "base/err.h"
#include "base/units.h"
#include "pages.h"
#include "workload.h"

struct fault_load {
	char *base;
	size_t size, page;
};

static int fault_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fault_load *s = state;
	uint64_t pages;
	int r;

	r = units_parse_count("pages", params[0], 1, 65536, &pages, err);
	if (r < 0)
		return r;
	r = pages_refuse_huge(err);
	if (r < 0)
		return r;
	s->page = pages_size();
	s->size = pages * s->page;
	return pages_map(s->size, &s->base, err);
}

static int fault_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct fault_load *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		pages_touch(s->base, s->size, s->page);
		if (madvise(s->base, s->size, MADV_DONTNEED) < 0)
			return err_errno(err, "madvise");
	}
	return 0;
}

static void fault_load_teardown(void *state)
{
	const struct fault_load *s = state;

	if (s->base)
		(void)munmap(s->base, s->size);
}

const struct workload workload_fault = {
	.name = "fault",
	.summary = "touch anonymous pages for the first time",
	.op = "a page fault for each of the pages, and one madvise(MADV_DONTNEED) of all",
	.groups = "memory",
	.params = (const struct workload_param[]){{"pages", "base pages that are touched", "16"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"madvise", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct fault_load),
	.setup = fault_load_setup,
	.run = fault_load_run,
	.teardown = fault_load_teardown,
};
