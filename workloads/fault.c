/* SPDX-License-Identifier: MIT */
/* Page faults, with as little of the address space's own upkeep as can be: the mapping stays,
 * one call gives its pages back. A private page of a file is copied, a shared one made dirty. */

#include <sys/mman.h>

#include "base/err.h"
#include "base/units.h"
#include "pages.h"
#include "param.h"
#include "workfile.h"
#include "workload.h"

enum fault_kind { FAULT_ANON, FAULT_PRIVATE, FAULT_SHARED };

struct fault_load {
	struct workfile file;
	char *base;
	size_t size, page;
};

static int map_file(struct fault_load *s, int kind, struct tare_err *err)
{
	int r = workfile_make(&s->file, s->size, 0, err);
	void *base;

	if (r < 0)
		return r;
	base = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
		    kind == FAULT_SHARED ? MAP_SHARED : MAP_PRIVATE, s->file.fd, 0);
	if (base == MAP_FAILED)
		return err_errno(err, "map a file of %zu bytes", s->size);
	s->base = base;
	return 0;
}

static int fault_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fault_load *s = state;
	uint64_t pages;
	int r, kind;

	kind = param_choice("kind", params[1], "anon|private|shared", err);
	if (kind < 0)
		return kind;
	r = units_parse_count("pages", params[0], 1, 65536, &pages, err);
	if (r < 0)
		return r;
	r = pages_refuse_huge(err);
	if (r < 0)
		return r;
	s->page = pages_size();
	s->size = pages * s->page;
	return kind == FAULT_ANON ? pages_map(s->size, &s->base, err) : map_file(s, kind, err);
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
	struct fault_load *s = state;

	if (s->base)
		(void)munmap(s->base, s->size);
	workfile_remove(&s->file);
}

const struct workload workload_fault = {
	.name = "fault",
	.summary = "write to pages for the first time: empty ones, or of a cached file",
	.op = "a page fault for each of the pages, and one madvise(MADV_DONTNEED) of all",
	.groups = "memory core",
	.params =
		(const struct workload_param[]){
			{"pages", "base pages that are touched", "16"},
			{"kind", "anon|private|shared: none's, or a file's", "anon"},
			{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"madvise", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct fault_load),
	.setup = fault_load_setup,
	.run = fault_load_run,
	.teardown = fault_load_teardown,
};
