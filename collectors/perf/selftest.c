/* SPDX-License-Identifier: MIT */
#include "perf/selftest.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "perf/open.h"

#define PAGE   4096UL
#define PAGES  16UL /* from either mode */
#define SLEEPS 3

/* What the work does, of each kind. */
enum { CPU_TIME, FAULTS, SWITCHES };
static const char *const did[] = {"used the CPU", "touched new pages", "slept"};

static const struct {
	uint64_t config;
	uint32_t type;
	int kind;
} moved[] = {
	{PERF_COUNT_SW_CPU_CLOCK, PERF_TYPE_SOFTWARE, CPU_TIME},
	{PERF_COUNT_SW_TASK_CLOCK, PERF_TYPE_SOFTWARE, CPU_TIME},
	{PERF_COUNT_SW_PAGE_FAULTS, PERF_TYPE_SOFTWARE, FAULTS},
	{PERF_COUNT_SW_PAGE_FAULTS_MIN, PERF_TYPE_SOFTWARE, FAULTS},
	{PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_TYPE_SOFTWARE, SWITCHES},
	{PERF_COUNT_HW_CPU_CYCLES, PERF_TYPE_HARDWARE, CPU_TIME},
	{PERF_COUNT_HW_INSTRUCTIONS, PERF_TYPE_HARDWARE, CPU_TIME},
	{PERF_COUNT_HW_BRANCH_INSTRUCTIONS, PERF_TYPE_HARDWARE, CPU_TIME},
	{PERF_COUNT_HW_REF_CPU_CYCLES, PERF_TYPE_HARDWARE, CPU_TIME},
};
#define N_MOVED (sizeof(moved) / sizeof(moved[0]))

/* Which kind of work must move it, or -1. */
static int kind_of(const struct encoded_event *event)
{
	for (size_t i = 0; i < N_MOVED; i++)
		if (moved[i].type == event->type && moved[i].config == event->config)
			return moved[i].kind;
	return -1;
}

/* These happen in the kernel: without it (":u") they open, and are 0 for ever. */
static bool happens_in_kernel(const struct encoded_event *event)
{
	return event->type == PERF_TYPE_SOFTWARE &&
	       (event->config == PERF_COUNT_SW_CONTEXT_SWITCHES ||
		event->config == PERF_COUNT_SW_CPU_MIGRATIONS ||
		event->config == PERF_COUNT_SW_CGROUP_SWITCHES);
}

void selftest_work(void)
{
	const struct timespec pause = {.tv_nsec = 20000};
	size_t size = 2 * PAGES * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cleanup_close int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; p != MAP_FAILED && i < PAGES; i++) {
		((volatile char *)p)[i * PAGE] = 1;
		/* The kernel's own store is the first into that page. */
		(void)!read(zero, p + (PAGES + i) * PAGE, 1);
	}
	if (p != MAP_FAILED)
		(void)munmap(p, size);
	for (int i = 0; i < SLEEPS; i++)
		(void)nanosleep(&pause, NULL);
}

/* True: the event was on while the work was done, and shows 0. */
static bool stands_still(const struct encoded_event *event, void (*work)(void))
{
	const struct open_place self = {.mode = OPEN_SELF, .cpu = -1, .leader = -1};
	cleanup_close int fd = open_event(event, &self);
	uint64_t seen[3]; /* value, enabled, running */

	if (fd < 0)
		return false;
	work();
	return read(fd, seen, sizeof(seen)) == (ssize_t)sizeof(seen) && seen[2] > 0 && seen[0] == 0;
}

static bool is_of_processor(const struct encoded_event *event)
{
	return event->type == PERF_TYPE_HARDWARE || event->type == PERF_TYPE_HW_CACHE ||
	       event->type == PERF_TYPE_RAW;
}

const char *selftest_event(const struct encoded_event *event, void (*work)(void), char *buf,
			   size_t size)
{
	const struct encoded_event instructions = {.type = PERF_TYPE_HARDWARE,
						   .config = PERF_COUNT_HW_INSTRUCTIONS};
	int kind = kind_of(event);

	buf[0] = '\0';
	if (event->exclude_kernel && happens_in_kernel(event))
		(void)snprintf(buf, size,
			       "it happens in the kernel alone, which ':u' leaves out: it can "
			       "only be 0");
	else if (kind >= 0 && stands_still(event, work))
		(void)snprintf(buf, size,
			       "it opens here but does not count: it was 0 after a self-test "
			       "that %s",
			       did[kind]);
	else if (kind < 0 && is_of_processor(event) && stands_still(&instructions, work))
		(void)snprintf(buf, size,
			       "the processor's counters open here but do not count: instructions "
			       "were 0 after a self-test that %s",
			       did[CPU_TIME]);
	return buf;
}

bool selftest_must_count(const struct encoded_event *event, uint64_t running_ns)
{
	return kind_of(event) == CPU_TIME && running_ns >= SELFTEST_RAN_NS;
}
