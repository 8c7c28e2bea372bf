/* SPDX-License-Identifier: MIT */
#include "limit/limit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "limit/limit_inner.h"

/* A program of a few pages runs in less, but tare-load and what the kernel charges for it does
 * not: the kill would come before the first slice. */
#define MEMORY_MIN   (1U << 20)
#define BURST_MAX_NS (3600 * NS_PER_S)
/* The kernel holds it in an unsigned int whose highest value means none (blk-throttle.c). */
#define IOPS_MAX     (UINT_MAX - 1U)

#define LIMITS_NAMED 24 /* at least as many as there are */

const struct limit_option limit_options[] = {
	{"cpus", "NUMBER", "CPU time per second, in CPUs, such as 0.5 (period 100 ms)", "cpu"},
	{"cpu-period", "TIME", "how often that time is given out, such as 10ms: 1ms to 1s", "cpu"},
	{"cpu-shares", "NUMBER", "weight beside others on the same CPUs: 2 to 262144, 1024 is even",
	 "cpu"},
	{"cpu-burst", "TIME", "quota that may be saved up, such as 20ms; at most a period's",
	 "cpu"},
	{"cpuset-cpus", "LIST", "CPUs it may run on, such as 0-1,3", "cpuset"},
	{"memory", "SIZE", "memory, swap included, such as 64M", "memory"},
	{"memory-swap", "SIZE", "memory and swap together, such as 128M; needs --memory", "memory"},
	{"memory-reservation", "SIZE", "memory that is kept under pressure, such as 32M", "memory"},
	{"memory-min", "SIZE", "memory that is never taken away, such as 32M (v2 only)", "memory"},
	{"memory-high", "SIZE", "memory above which it is slowed, such as 48M (v2 only)", "memory"},
	{"oom-group", "1", "out of memory, all of it is killed together (v2 only)", "memory"},
	{"pids-limit", "NUMBER", "processes and threads, such as 100", "pids"},
	{"blkio-weight", "NUMBER", "share of the disk beside others: 10 to 1000, 500 is even",
	 "io"},
	{"net-rate", "RATE",
	 "bits per second each way, such as 10mbit (container,net=veth; vm,guest-net=tap)", "net"},
	{"ulimit", "NAME=SOFT[:HARD]",
	 "of the process, docker's names, such as nofile=1024:2048; -1: unlimited; again for more",
	 "process"},
	{"device-read-bps", "PATH:RATE", "bytes read per second, such as /dev/vda:4M, or /work:4M",
	 "io"},
	{"device-write-bps", "PATH:RATE", "bytes written per second, such as /dev/vda:4M", "io"},
	{"device-read-iops", "PATH:NUMBER", "reads per second, such as /dev/vda:100", "io"},
	{"device-write-iops", "PATH:NUMBER", "writes per second, such as /dev/vda:100", "io"},
	{NULL, NULL, NULL, NULL},
};

const char *const limit_rate_flags[LIMIT_RATES] = {
	[LIMIT_READ_BPS] = "device-read-bps",
	[LIMIT_WRITE_BPS] = "device-write-bps",
	[LIMIT_READ_IOPS] = "device-read-iops",
	[LIMIT_WRITE_IOPS] = "device-write-iops",
};

static int set_cpus(struct limits *limits, const char *text, struct tare_err *err)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	double cpus;
	int r = units_parse_number("--cpus", text, 0, 1e6, &cpus, err);

	if (r < 0)
		return r;
	/* The kernel takes no quota below 1 ms (min_cfs_quota_period, kernel/sched). */
	if (cpus < 0.01)
		return err_set(err, EINVAL, "--cpus: %s is below 0.01, the least there is", text);
	if (online > 0 && cpus > (double)online)
		return err_set(err, EINVAL, "--cpus: %s is more than the %ld CPUs of this machine",
			       text, online);
	limits->cpus = cpus;
	return 0;
}

static int set_cpu_period(struct limits *limits, const char *text, struct tare_err *err)
{
	uint64_t ns;
	int r = units_parse_time("--cpu-period", text, &ns, err);

	if (r < 0)
		return r;
	/* min_cfs_quota_period and max_cfs_quota_period (kernel/sched/core.c). */
	if (ns < NS_PER_MS || ns > NS_PER_S)
		return err_set(err, EINVAL, "--cpu-period: %s is not within 1ms and 1s", text);
	limits->cpu_period_us = ns / NS_PER_US;
	return 0;
}

static int set_net_rate(struct limits *limits, const char *text, struct tare_err *err)
{
	uint64_t bits;
	int r = units_parse_rate("--net-rate", text, &bits, err);

	if (r < 0)
		return r;
	/* Below, the shaper's bucket would be seconds of traffic; above, tc counts in an int. */
	if (bits < 1000000 || bits > 16000000000)
		return err_set(err, EINVAL, "--net-rate: %s is not within 1mbit and 16gbit", text);
	limits->net_rate = bits;
	return 0;
}

static int set_cpu_burst(struct limits *limits, const char *text, struct tare_err *err)
{
	uint64_t ns;
	int r = units_parse_time("--cpu-burst", text, &ns, err);

	if (r < 0)
		return r;
	if (ns < NS_PER_US || ns > BURST_MAX_NS)
		return err_set(err, EINVAL, "--cpu-burst: %s is not within 1us and 1h", text);
	limits->cpu_burst_us = ns / NS_PER_US;
	return 0;
}

static bool cpu_is_online(unsigned int cpu)
{
	char path[64], text[8];

	(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
	if (access(path, F_OK) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	/* A CPU that cannot be taken offline has no such file. */
	return fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) <= 0 || text[0] != '0';
}

static int set_cpuset(struct limits *limits, const char *text, struct tare_err *err)
{
	uint64_t mask;
	int r = units_parse_cpus("--cpuset-cpus", text, &mask, err);

	if (r < 0)
		return r;
	for (unsigned int cpu = 0; cpu < 64; cpu++)
		if ((mask >> cpu & 1) && !cpu_is_online(cpu))
			return err_set(err, EINVAL, "--cpuset-cpus: CPU %u is not online here",
				       cpu);
	limits->cpuset = mask;
	return 0;
}

static int set_memory(const char *what, const char *text, uint64_t *ret, struct tare_err *err)
{
	uint64_t bytes;
	int r = units_parse_size(what, text, &bytes, err);

	if (r < 0)
		return r;
	if (bytes < MEMORY_MIN)
		return err_set(err, EINVAL, "%s: %s is below 1M, with which nothing starts", what,
			       text);
	*ret = bytes;
	return 0;
}

struct limit_device *limit_device_for(struct limits *limits, const char *path, struct tare_err *err)
{
	struct limit_device *device = limits->devices;
	struct limit_device *end = limits->devices + limits->n_devices;

	while (device < end && strcmp(device->path, path) != 0)
		device++;
	if (device < end)
		return device;
	if (limits->n_devices == LIMIT_DEVICES || strlen(path) >= sizeof(device->path)) {
		(void)err_set(err, EINVAL, "device '%.40s': more than %d devices, or too long",
			      path, LIMIT_DEVICES);
		return NULL;
	}
	*device = (struct limit_device){0};
	(void)snprintf(device->path, sizeof(device->path), "%s", path);
	limits->n_devices++;
	return device;
}

static int set_device(struct limits *limits, enum limit_rate rate, const char *text,
		      struct tare_err *err)
{
	bool is_bps = rate == LIMIT_READ_BPS || rate == LIMIT_WRITE_BPS;
	const char *colon = strrchr(text, ':');
	struct limit_device *device;
	char what[32], path[sizeof(device->path)];
	uint64_t value;
	int r;

	(void)snprintf(what, sizeof(what), "--%s", limit_rate_flags[rate]);
	if (!colon || colon == text || text[0] != '/')
		return err_set(err, EINVAL, "%s: '%.60s' is no PATH:RATE, such as /dev/vda:%s",
			       what, text, is_bps ? "4M" : "100");
	if ((size_t)(colon - text) >= sizeof(path))
		return err_set(err, EINVAL, "%s: the path has more than %zu characters", what,
			       sizeof(path) - 1);
	(void)snprintf(path, sizeof(path), "%.*s", (int)(colon - text), text);
	r = is_bps ? units_parse_size(what, colon + 1, &value, err)
		   : units_parse_count(what, colon + 1, 1, IOPS_MAX, &value, err);
	if (r < 0)
		return r;
	if (value == 0)
		return err_set(err, EINVAL, "%s: a rate of 0 would let nothing through", what);
	device = limit_device_for(limits, path, err);
	if (!device)
		return -EINVAL;
	device->rate[rate] = value;
	return 0;
}

int limits_set(struct limits *limits, const char *flag, const char *text, struct tare_err *err)
{
	const struct limit_number *number = limit_number_find(flag);
	const char *names[LIMITS_NAMED + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	if (strcmp(flag, "cpus") == 0)
		return set_cpus(limits, text, err);
	if (number)
		return limit_number_parse(number, text, limits, err);
	if (strcmp(flag, "cpu-period") == 0)
		return set_cpu_period(limits, text, err);
	if (strcmp(flag, "net-rate") == 0)
		return set_net_rate(limits, text, err);
	if (strcmp(flag, "cpu-burst") == 0)
		return set_cpu_burst(limits, text, err);
	if (strcmp(flag, "cpuset-cpus") == 0)
		return set_cpuset(limits, text, err);
	if (strcmp(flag, "memory") == 0)
		return set_memory("--memory", text, &limits->memory_bytes, err);
	if (strcmp(flag, "memory-swap") == 0)
		return set_memory("--memory-swap", text, &limits->memory_swap, err);
	if (strcmp(flag, "ulimit") == 0)
		return limit_ulimit_parse(&limits->ulimits, text, err);
	for (size_t i = 0; i < LIMIT_RATES; i++)
		if (strcmp(flag, limit_rate_flags[i]) == 0)
			return set_device(limits, (enum limit_rate)i, text, err);
	for (const struct limit_option *o = limit_options; o->flag && n < LIMITS_NAMED; o++)
		names[n++] = o->flag;
	return err_set(err, EINVAL, "there is no limit '%.40s'%s", flag,
		       text_hint(flag, names, hint, sizeof(hint)));
}

bool limits_any(const struct limits *limits)
{
	return limits_controllers(limits) != 0 || limits->net_rate;
}

bool limits_given(const struct limits *limits)
{
	return limits_any(limits) || limits->ulimits.n;
}

unsigned int limits_controllers(const struct limits *limits)
{
	unsigned int bits = 0;

	for (const struct limit_number *n = limit_numbers; n->flag; n++)
		if (limit_number_value(limits, n))
			bits |= CGROUP_BIT(n->controller);
	if (limits->cpus > 0 || limits->cpu_period_us || limits->cpu_burst_us)
		bits |= CGROUP_BIT(CGROUP_CPU);
	if (limits->cpuset)
		bits |= CGROUP_BIT(CGROUP_CPUSET);
	if (limits->memory_bytes || limits->memory_swap)
		bits |= CGROUP_BIT(CGROUP_MEMORY);
	if (limits->n_devices)
		bits |= CGROUP_BIT(CGROUP_IO);
	return bits;
}
