/* SPDX-License-Identifier: MIT */
#include "machine/vm/tsc.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"

#define PAGE          4096
#define NS_AT_ONE_KHZ 1000000.0 /* of one cycle */
#define KHZ_MAX       100000000
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

static bool read_boot_id(char *ret, size_t size)
{
	ssize_t n = fd_read_file_quiet(AT_FDCWD, "/proc/sys/kernel/random/boot_id", ret, size);

	if (n > 0)
		ret[strcspn(ret, "\n")] = '\0';
	return n > 0;
}

/* What was measured since this kernel booted: "BOOT_ID KHZ". */
static uint64_t recall(const char *path, const char *boot_id)
{
	size_t size = strlen(boot_id);
	char text[128];
	uint64_t khz;

	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    strncmp(text, boot_id, size) != 0 || text[size] != ' ')
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return units_parse_count(path, text + size + 1, 1, KHZ_MAX, &khz, NULL) == 0 ? khz : 0;
}

/* Losing a note costs 50 ms and nothing else. */
static void remember(const char *cache_dir, const char *path, const char *boot_id, uint64_t khz)
{
	cleanup_free char *folder = text_format("%s/guest", cache_dir);
	cleanup_free char *made = text_format("%s.%d", path, getpid());

	if (!folder || !made || fd_make_dirs(folder, NULL) < 0)
		return;
	cleanup_close int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	if (dprintf(fd, "%s %llu\n", boot_id, (unsigned long long)khz) < 0 ||
	    rename(made, path) < 0)
		(void)unlink(made);
}

static uint64_t recall_or_measure(const char *cache_dir)
{
	cleanup_free char *path = text_format("%s/guest/tsc", cache_dir);
	char boot_id[64];
	uint64_t khz;

	if (!path || !read_boot_id(boot_id, sizeof(boot_id)))
		return measure();
	khz = recall(path, boot_id);
	if (khz)
		return khz;
	khz = measure();
	if (khz)
		remember(cache_dir, path, boot_id, khz);
	return khz;
}

uint64_t tsc_host_khz(const char *cache_dir)
{
	static uint64_t khz;

	if (!khz)
		khz = ask_perf();
	if (!khz)
		khz = recall_or_measure(cache_dir);
	return khz;
}
