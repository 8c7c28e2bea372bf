/* SPDX-License-Identifier: MIT */
/* A mapping that loses rights: the CPU's memory of it must be forgotten, and that of every other
 * CPU where a thread of this process runs, which is told by an interrupt. */

#include <sys/mman.h>

#include "base/err.h"
#include "base/units.h"
#include "company.h"
#include "pages.h"
#include "param.h"
#include "workload.h"

enum tlb_by { TLB_MPROTECT, TLB_MADVISE };

struct tlb {
	int by;
	size_t page;
	char *base;
	struct company company;
};

static void relax(void)
{
	__builtin_ia32_pause();
}

static int tlb_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct tlb *s = state;
	uint64_t threads;
	int r;

	s->by = param_choice("by", params[0], "mprotect|madvise", err);
	if (s->by < 0)
		return s->by;
	r = units_parse_count("threads", params[1], 0, COMPANY_MAX, &threads, err);
	if (r < 0)
		return r;
	s->page = pages_size();
	r = pages_map(s->page, &s->base, err);
	return r < 0 ? r : company_start(&s->company, (unsigned int)threads, true, relax, err);
}

static int change(const struct tlb *s, uint64_t iters, struct tare_err *err)
{
	if (s->by == TLB_MADVISE) {
		for (uint64_t i = 0; i < iters; i++) {
			pages_touch(s->base, s->page, s->page);
			if (madvise(s->base, s->page, MADV_DONTNEED) < 0)
				return err_errno(err, "madvise");
		}
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++) {
		pages_touch(s->base, s->page, s->page);
		if (mprotect(s->base, s->page, PROT_READ) < 0 ||
		    mprotect(s->base, s->page, PROT_READ | PROT_WRITE) < 0)
			return err_errno(err, "mprotect");
	}
	return 0;
}

static int tlb_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct tlb *s = state;
	int r;

	if (s->company.lost)
		return err_set(err, EIO, "a thread found no other CPU");
	company_begin(&s->company);
	r = change(s, iters, err);
	company_end(&s->company);
	return r;
}

static void tlb_teardown(void *state)
{
	struct tlb *s = state;

	company_stop(&s->company);
	if (s->base)
		(void)munmap(s->base, s->page);
}

const struct workload workload_tlb = {
	.name = "tlb",
	.summary = "take a right from a page in use, or the page itself",
	.op = "a write to the page, and two mprotect(2), or madvise(MADV_DONTNEED)",
	.groups = "memory",
	.params =
		(const struct workload_param[]){
			{"by", "what is called: mprotect|madvise", "mprotect"},
			{"threads", "others, busy on other CPUs: 0 to 8", "0"},
			{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"mprotect", 2, "by=mprotect"},
						      {"madvise", 1, "by=madvise"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct tlb),
	.setup = tlb_setup,
	.run = tlb_run,
	.teardown = tlb_teardown,
};
