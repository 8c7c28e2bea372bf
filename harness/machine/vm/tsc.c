/* SPDX-License-Identifier: MIT */
#include "machine/vm/tsc.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define PAGE          4096
#define NS_AT_ONE_KHZ 1000000.0 /* of one cycle */
#define MEASURE_NS    (50 * NS_PER_MS)
#define MEASURE_TRIES 64

/* A perf event's page tells how to turn cycles into nanoseconds: ns = cycles * mult >> shift
 * (perf_event_open(2), cap_user_time). Kernels whose sched_clock is paravirtual do not. */
static uint64_t ask_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_DUMMY,
				       .exclude_kernel = 1};
	cleanup_close int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	struct perf_event_mmap_page *page;
	uint64_t khz = 0;

	if (fd < 0)
		return 0;
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return 0;
	if (page->cap_user_time && page->time_mult && page->time_shift < 64)
		khz = (uint64_t)(NS_AT_ONE_KHZ * (double)(1ULL << page->time_shift) /
					 page->time_mult +
				 0.5);
	(void)munmap(page, PAGE);
	return khz;
}

#ifdef __x86_64__
struct reading {
	uint64_t cycles, ns;
};

/* Both clocks at one moment: of several tries the one with the least time between. The raw clock
 * runs at the rate that the kernel takes the counter for, unsteered by NTP. */
static struct reading read_both(void)
{
	struct reading best = {0};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < MEASURE_TRIES; i++) {
		struct timespec t;
		uint64_t before = __builtin_ia32_rdtsc(), after;

		(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = __builtin_ia32_rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.cycles = before + least / 2;
		best.ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	}
	return best;
}

static uint64_t measure(void)
{
	struct timespec pause = {.tv_nsec = MEASURE_NS};
	struct reading begin = read_both(), end;

	(void)nanosleep(&pause, NULL);
	end = read_both();
	if (end.ns <= begin.ns)
		return 0;
	return (uint64_t)(NS_AT_ONE_KHZ * (double)(end.cycles - begin.cycles) /
				  (double)(end.ns - begin.ns) +
			  0.5);
}
#else
static uint64_t measure(void)
{
	return 0;
}
#endif

uint64_t tsc_host_khz(void)
{
	static uint64_t khz;

	if (!khz)
		khz = ask_perf();
	if (!khz)
		khz = measure();
	return khz;
}
