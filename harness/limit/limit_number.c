/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "limit/limit_inner.h"

/* PID_MAX_LIMIT of 64-bit Linux (include/linux/threads.h). */
#define PIDS_MAX   4194304
/* What v1 takes (sched_group_set_shares, kernel/sched/fair.c). */
#define SHARES_MIN 2
#define SHARES_MAX 262144
/* docker's range; v1's bfq takes it as it is (block/bfq-cgroup.c). */
#define BLKIO_MIN  10
#define BLKIO_MAX  1000

/* docker's 2 to 262144 as a weight of v2, 1 to 10000, as its runtimes reckon it. */
static uint64_t cpu_weight(uint64_t shares)
{
	return 1 + ((shares - SHARES_MIN) * 9999) / (SHARES_MAX - SHARES_MIN);
}

/* docker's 10 to 1000 as a weight of v2, 1 to 10000, as its runtimes reckon it. */
static uint64_t io_weight(uint64_t weight)
{
	return 1 + ((weight - BLKIO_MIN) * 9999) / (BLKIO_MAX - BLKIO_MIN);
}

const struct limit_number limit_numbers[] = {
	{"cpu-shares", offsetof(struct limits, cpu_shares), CGROUP_CPU, LIMIT_COUNT, SHARES_MIN,
	 SHARES_MAX, "cpu.shares", "cpu.weight", cpu_weight},
	{"memory-reservation", offsetof(struct limits, memory_reservation), CGROUP_MEMORY,
	 LIMIT_SIZE, 1, UINT64_MAX, "memory.soft_limit_in_bytes", "memory.low", NULL},
	{"memory-min", offsetof(struct limits, memory_min), CGROUP_MEMORY, LIMIT_SIZE, 1,
	 UINT64_MAX, NULL, "memory.min", NULL},
	{"memory-high", offsetof(struct limits, memory_high), CGROUP_MEMORY, LIMIT_SIZE, 1,
	 UINT64_MAX, NULL, "memory.high", NULL},
	{"oom-group", offsetof(struct limits, oom_group), CGROUP_MEMORY, LIMIT_COUNT, 1, 1, NULL,
	 "memory.oom.group", NULL},
	{"pids-limit", offsetof(struct limits, pids), CGROUP_PIDS, LIMIT_COUNT, 1, PIDS_MAX,
	 "pids.max", "pids.max", NULL},
	{"blkio-weight", offsetof(struct limits, blkio_weight), CGROUP_IO, LIMIT_COUNT, BLKIO_MIN,
	 BLKIO_MAX, "blkio.bfq.weight", "io.weight", io_weight},
	{0},
};

uint64_t *limit_number_field(struct limits *limits, const struct limit_number *number)
{
	return (uint64_t *)(void *)((char *)limits + number->offset);
}

uint64_t limit_number_value(const struct limits *limits, const struct limit_number *number)
{
	return *(const uint64_t *)(const void *)((const char *)limits + number->offset);
}

const struct limit_number *limit_number_find(const char *flag)
{
	for (const struct limit_number *n = limit_numbers; n->flag; n++)
		if (strcmp(n->flag, flag) == 0)
			return n;
	return NULL;
}

int limit_number_parse(const struct limit_number *number, const char *text, struct limits *limits,
		       struct tare_err *err)
{
	uint64_t value;
	char what[40] = "--";
	int r;

	(void)strncat(what, number->flag, sizeof(what) - 3);
	if (number->kind == LIMIT_COUNT)
		r = units_parse_count(what, text, number->low, number->high, &value, err);
	else
		r = units_parse_size(what, text, &value, err);
	if (r < 0)
		return r;
	if (value < number->low)
		return err_set(err, EINVAL, "%s: %s would be no limit", what, text);
	*limit_number_field(limits, number) = value;
	return 0;
}

uint64_t limit_number_want(const struct limit_number *number, int version, uint64_t value)
{
	/* The kernel counts whole pages: page_counter_memparse (mm/page_counter.c) rounds down. */
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (number->kind == LIMIT_SIZE)
		return value / page * page;
	return version == 2 && number->to_v2 ? number->to_v2(value) : value;
}

static void take_number(const char *flag, uint64_t value, const char *unit,
			void (*take)(const char *, const char *, void *), void *context)
{
	char text[32];

	if (!value)
		return;
	(void)snprintf(text, sizeof(text), "%llu%s", (unsigned long long)value, unit);
	take(flag, text, context);
}

void limits_each(const struct limits *limits,
		 void (*take)(const char *flag, const char *text, void *context), void *context)
{
	char text[192];

	if (limits->cpus > 0) {
		(void)snprintf(text, sizeof(text), "%.10g", limits->cpus);
		take("cpus", text, context);
	}
	take_number("cpu-period", limits->cpu_period_us, "us", take, context);
	take_number("cpu-burst", limits->cpu_burst_us, "us", take, context);
	if (limits->cpuset)
		take("cpuset-cpus", units_print_cpus(limits->cpuset, text, sizeof(text)), context);
	take_number("memory", limits->memory_bytes, "B", take, context);
	take_number("memory-swap", limits->memory_swap, "B", take, context);
	take_number("net-rate", limits->net_rate, "bit", take, context);
	for (const struct limit_number *n = limit_numbers; n->flag; n++)
		take_number(n->flag, limit_number_value(limits, n),
			    n->kind == LIMIT_SIZE ? "B" : "", take, context);
}
