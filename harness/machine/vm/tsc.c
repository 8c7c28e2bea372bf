/* SPDX-License-Identifier: MIT */
#include "machine/vm/tsc.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PAGE         4096
#define NS_TIMES_KHZ 1000000.0 /* ns of one cycle at 1 kHz */

/* A perf event's page tells how to turn cycles into nanoseconds: ns = cycles * mult >> shift
 * (perf_event_open(2), cap_user_time). That is tsc_khz, rounded to 2^-31 of it. */
uint64_t tsc_host_khz(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_DUMMY,
				       .exclude_kernel = 1};
	cleanup_close int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	const struct perf_event_mmap_page *page;
	uint64_t khz = 0;

	if (fd < 0)
		return 0;
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return 0;
	if (page->cap_user_time && page->time_mult && page->time_shift < 64)
		khz = (uint64_t)(NS_TIMES_KHZ * (double)(1ULL << page->time_shift) /
					 page->time_mult +
				 0.5);
	(void)munmap((void *)(uintptr_t)page, PAGE);
	return khz;
}
