/* SPDX-License-Identifier: MIT */
/* More and more memory, up to a size that is then held: where a memory limit stops it shows in
 * how far it came. */

#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "pages.h"
#include "param.h"
#include "workload.h"

#define STEP (1 << 20)
#define HOLD (10 * NS_PER_MS)

struct mem_fill {
	char *base;
	uint64_t size, reached;
	size_t page;
};

static int mem_fill_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct mem_fill *s = state;
	int r = param_size("size", params[0], STEP, 1ULL << 40, STEP, &s->size, err);

	if (r < 0)
		return r;
	s->page = pages_size();
	return pages_map(s->size, &s->base, err);
}

static int mem_fill_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct timespec hold = {.tv_nsec = HOLD};
	struct mem_fill *s = state;

	(void)err;
	for (uint64_t i = 0; i < iters; i++) {
		if (s->reached == s->size) {
			(void)nanosleep(&hold, NULL);
			continue;
		}
		pages_touch(s->base + s->reached, STEP, s->page);
		s->reached += STEP;
	}
	return 0;
}

static size_t mem_fill_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct mem_fill *s = state;

	(void)ns;
	figures[0] =
		(struct play_figure){.name = "reached", .unit = "B", .value = (double)s->reached};
	return 1;
}

static void mem_fill_teardown(void *state)
{
	const struct mem_fill *s = state;

	if (s->base)
		(void)munmap(s->base, s->size);
}

const struct workload workload_mem_fill = {
	.name = "mem-fill",
	.summary = "fill memory up to a size and hold it",
	.op = "a write to each page of 1 MiB, or 10 ms of sleep once the size is reached",
	.groups = "limits",
	/* Fits a guest of 256 MiB, and is more than the 64 MiB that limits are tried with. */
	.params = (const struct workload_param[]){{"size", "bytes to fill, MiB", "128M"},
						  {NULL, NULL, NULL}},
	.state_size = sizeof(struct mem_fill),
	.solo = true,
	.safety = "memory=512M",
	.may_be_oom_killed = true,
	.setup = mem_fill_setup,
	.run = mem_fill_run,
	.figures = mem_fill_figures,
	.teardown = mem_fill_teardown,
};
