/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/units.h"
#include "limit/limit_inner.h"

/* cpu: 3, cpuset: 1, memory: 2, and a number of plain numbers. */
#define MAX_WRITES   (16 + LIMIT_DEVICES * LIMIT_RATES)
#define CONTENT_SIZE 4096

/* A file, what goes in, and how it reads afterwards. */
struct limit_write {
	const char *flag;
	enum cgroup_controller controller;
	int dirfd, version;
	const char *file;
	char text[96];
	uint64_t want;
	/* Compare the file's content with want, and put what it says into *now. */
	bool (*holds)(const struct limit_write *write, const char *content, struct limits *now);
	const struct limit_number *number_of; /* of a plain number, and what was asked */
	uint64_t asked;                       /* the same, or the period of a quota */
	const struct limit_device *device;    /* of a rate */
	enum limit_rate rate;
	char number[32]; /* "254:0" */
};

struct plan {
	struct limit_write writes[MAX_WRITES];
	size_t n;
};

static const char *const v1_rate_files[LIMIT_RATES] = {
	[LIMIT_READ_BPS] = "blkio.throttle.read_bps_device",
	[LIMIT_WRITE_BPS] = "blkio.throttle.write_bps_device",
	[LIMIT_READ_IOPS] = "blkio.throttle.read_iops_device",
	[LIMIT_WRITE_IOPS] = "blkio.throttle.write_iops_device",
};
static const char *const v2_rate_keys[LIMIT_RATES] = {
	[LIMIT_READ_BPS] = "rbps",
	[LIMIT_WRITE_BPS] = "wbps",
	[LIMIT_READ_IOPS] = "riops",
	[LIMIT_WRITE_IOPS] = "wiops",
};

static uint64_t period_us(const struct limits *limits)
{
	return limits->cpu_period_us ? limits->cpu_period_us : LIMIT_PERIOD_US;
}

static bool number_holds(const struct limit_write *write, const char *content)
{
	char *end;

	return strtoull(content, &end, 10) == write->want && end > content && *end == '\0';
}

static bool period_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	now->cpu_period_us = write->asked;
	return number_holds(write, content);
}

static bool quota_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	now->cpus = strtod(content, NULL) / (double)write->asked;
	return number_holds(write, content);
}

/* cpu.max: "QUOTA PERIOD". */
static bool cpu_max_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	char *period;

	now->cpus = strtod(content, &period);
	now->cpu_period_us = write->asked;
	now->cpus /= strtod(period, NULL);
	return strcmp(content, write->text) == 0;
}

static bool plain_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	/* io.weight has a line for each device behind that for all. */
	const char *value = strncmp(content, "default ", 8) == 0 ? content + 8 : content;
	char *end;
	bool same = strtoull(value, &end, 10) == write->want && end > value &&
		    (*end == '\0' || *end == '\n');

	/* A weight cannot be turned back without loss: that it is the one asked for was shown. */
	*limit_number_field(now, write->number_of) =
		write->number_of->kind == LIMIT_SIZE ? write->want : write->asked;
	return same;
}

static bool burst_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	now->cpu_burst_us = strtoull(content, NULL, 10);
	return number_holds(write, content);
}

/* Not only what was written: also that the groups above leave it those CPUs. */
static bool cpus_hold(const struct limit_write *write, const char *content, struct limits *now)
{
	const char *file = write->version == 2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
	char text[CONTENT_SIZE];
	uint64_t effective;

	if (units_parse_cpus("cpuset", content, &now->cpuset, NULL) < 0 ||
	    fd_read_file_quiet(write->dirfd, file, text, sizeof(text)) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return units_parse_cpus("cpuset", text, &effective, NULL) == 0 &&
	       now->cpuset == write->want && effective == write->want;
}

/* The kernel counts whole pages: page_counter_memparse (mm/page_counter.c) rounds down. */
static bool memory_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char *end;

	now->memory_bytes = strtoull(content, &end, 10);
	return end > content && *end == '\0' && now->memory_bytes == write->want / page * page;
}

/* v1 counts memory and swap together; v2 counts swap alone. */
static bool swap_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	struct limits ignored;

	if (write->asked)
		now->memory_swap = write->asked;
	return memory_holds(write, content, &ignored);
}

/* The text behind "254:0 " (v1), or behind "254:0 ... rbps=" (v2). */
static const char *find_rate(const struct limit_write *write, const char *content)
{
	size_t len = strlen(write->number);
	const char *key;

	while (strncmp(content, write->number, len) != 0 || content[len] != ' ') {
		content = strchr(content, '\n');
		if (!content++)
			return NULL;
	}
	if (write->version == 1)
		return content + len + 1;
	key = strstr(content + len, v2_rate_keys[write->rate]);
	/* " rbps" and not the end of another word; and not of the next line. */
	if (!key || key[-1] != ' ' || key > content + strcspn(content, "\n"))
		return NULL;
	return strchr(key, '=') ? strchr(key, '=') + 1 : NULL;
}

static bool rate_holds(const struct limit_write *write, const char *content, struct limits *now)
{
	const char *value = find_rate(write, content);
	struct limit_device *device = limit_device_for(now, write->device->path, NULL);

	if (!value || !device)
		return false;
	device->rate[write->rate] = strtoull(value, NULL, 10);
	return device->rate[write->rate] == write->want;
}

static struct limit_write *add(struct plan *plan, const char *flag,
			       enum cgroup_controller controller, const struct cgroup *cgroup,
			       struct tare_err *err)
{
	struct limit_write *write = &plan->writes[plan->n];
	int version, fd = cgroup_controller_fd(cgroup, controller, &version);

	if (fd < 0) {
		(void)err_set(err, ENOTSUP, "limit '%s': cgroup '%s' has no controller '%s'", flag,
			      cgroup_name(cgroup), cgroup_controller_name(controller));
		return NULL;
	}
	*write = (struct limit_write){
		.flag = flag, .controller = controller, .dirfd = fd, .version = version};
	plan->n++;
	return write;
}

static void fill(struct limit_write *write, const char *file, uint64_t want,
		 bool (*holds)(const struct limit_write *, const char *, struct limits *))
{
	write->file = file;
	write->want = want;
	write->holds = holds;
	(void)snprintf(write->text, sizeof(write->text), "%llu", (unsigned long long)want);
}

static int plan_cpu(struct plan *plan, const struct limits *limits, const struct cgroup *cgroup,
		    struct tare_err *err)
{
	struct limit_write *write = add(plan, "cpus", CGROUP_CPU, cgroup, err);
	uint64_t period = period_us(limits);
	uint64_t quota = (uint64_t)llround(limits->cpus * (double)period);

	if (!write)
		return -ENOTSUP;
	/* min_cfs_quota_period (kernel/sched/core.c). */
	if (quota < 1000)
		return err_set(err, EINVAL,
			       "limit 'cpus': %g CPUs are less than 1 ms in a period of %llu us: "
			       "ask for more, or for a longer --cpu-period",
			       limits->cpus, (unsigned long long)period);
	if (write->version == 2) {
		fill(write, "cpu.max", quota, cpu_max_holds);
		(void)snprintf(write->text, sizeof(write->text), "%llu %llu",
			       (unsigned long long)quota, (unsigned long long)period);
		write->asked = limits->cpu_period_us;
		return 0;
	}
	fill(write, "cpu.cfs_period_us", period, period_holds);
	write->asked = limits->cpu_period_us;
	write = add(plan, "cpus", CGROUP_CPU, cgroup, err);
	fill(write, "cpu.cfs_quota_us", quota, quota_holds);
	write->asked = period;
	return 0;
}

/* After the quota, which must not be smaller (tg_set_cfs_bandwidth, kernel/sched/core.c). */
static int plan_burst(struct plan *plan, const struct limits *limits, const struct cgroup *cgroup,
		      struct tare_err *err)
{
	struct limit_write *write = add(plan, "cpu-burst", CGROUP_CPU, cgroup, err);

	if (!write)
		return -ENOTSUP;
	fill(write, write->version == 2 ? "cpu.max.burst" : "cpu.cfs_burst_us",
	     limits->cpu_burst_us, burst_holds);
	return 0;
}

/* memory and, where the kernel accounts for it, swap. */
static int plan_memory(struct plan *plan, const struct limits *limits, const struct cgroup *cgroup,
		       struct tare_err *err)
{
	struct limit_write *write = add(plan, "memory", CGROUP_MEMORY, cgroup, err);
	bool v2 = write && write->version == 2;
	const char *swap = v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	uint64_t both = limits->memory_swap ? limits->memory_swap : limits->memory_bytes;

	if (!write)
		return -ENOTSUP;
	fill(write, v2 ? "memory.max" : "memory.limit_in_bytes", limits->memory_bytes,
	     memory_holds);
	if (faccessat(write->dirfd, swap, F_OK, 0) < 0)
		return limits->memory_swap
			       ? err_set(err, ENOTSUP,
					 "limit 'memory-swap': this kernel does not account for "
					 "swap (no %s)",
					 swap)
			       : 0;
	write = add(plan, "memory", CGROUP_MEMORY, cgroup, err);
	fill(write, swap, v2 ? both - limits->memory_bytes : both, swap_holds);
	write->asked = limits->memory_swap;
	return 0;
}

/* A limit that is one number in one file. */
static int plan_number(struct plan *plan, const struct limit_number *number, uint64_t value,
		       const struct cgroup *cgroup, struct tare_err *err)
{
	struct limit_write *write = add(plan, number->flag, number->controller, cgroup, err);
	const char *file;

	if (!write)
		return -ENOTSUP;
	file = write->version == 2 ? number->v2_file : number->v1_file;
	if (!file)
		return err_set(err, ENOTSUP,
			       "limit '%s': cgroup version 1, which has the controller '%s' here, "
			       "has no such limit",
			       number->flag, cgroup_controller_name(number->controller));
	if (faccessat(write->dirfd, file, F_OK, 0) < 0)
		return err_set(err, ENOTSUP, "limit '%s': this kernel has no %s", number->flag,
			       file);
	fill(write, file, limit_number_want(number, write->version, value), plain_holds);
	write->number_of = number;
	write->asked = value;
	return 0;
}

static int plan_device(struct plan *plan, const struct limits *limits,
		       const struct limit_device *device, const struct cgroup *cgroup,
		       struct tare_err *err)
{
	bool is_work = limits->work_dir && strcmp(device->path, LIMIT_WORK) == 0;
	char number[32];
	int r = limit_device_number(is_work ? limits->work_dir : device->path, number,
				    sizeof(number), err);

	if (r < 0)
		return err_wrap(err, r, "limit on block I/O");
	for (size_t rate = 0; rate < LIMIT_RATES; rate++) {
		struct limit_write *write;

		if (!device->rate[rate])
			continue;
		write = add(plan, limit_rate_flags[rate], CGROUP_IO, cgroup, err);
		if (!write)
			return -ENOTSUP;
		fill(write, write->version == 2 ? "io.max" : v1_rate_files[rate],
		     device->rate[rate], rate_holds);
		write->device = device;
		write->rate = (enum limit_rate)rate;
		memcpy(write->number, number, sizeof(number));
		(void)snprintf(write->text, sizeof(write->text), "%s %s%s%llu", number,
			       write->version == 2 ? v2_rate_keys[rate] : "",
			       write->version == 2 ? "=" : "",
			       (unsigned long long)device->rate[rate]);
	}
	return 0;
}

/* Those that make sense only beside another. */
static int limits_check(const struct limits *limits, struct tare_err *err)
{
	if (limits->cpu_period_us && !(limits->cpus > 0))
		return err_set(err, EINVAL, "limit 'cpu-period' needs 'cpus' beside it");
	if (limits->memory_swap && limits->memory_swap < limits->memory_bytes)
		return err_set(err, EINVAL,
			       "limit 'memory-swap' counts memory too: it is at least "
			       "as much as 'memory'");
	if (limits->memory_swap && !limits->memory_bytes)
		return err_set(err, EINVAL, "limit 'memory-swap' needs 'memory' beside it");
	return 0;
}

static int plan_limits(struct plan *plan, const struct limits *limits, const struct cgroup *cgroup,
		       struct tare_err *err)
{
	struct limit_write *write;
	int r = 0;

	plan->n = 0;
	r = limits_check(limits, err);
	if (r == 0 && limits->cpus > 0)
		r = plan_cpu(plan, limits, cgroup, err);
	if (r == 0 && limits->cpu_burst_us)
		r = plan_burst(plan, limits, cgroup, err);
	if (r == 0 && limits->cpuset) {
		write = add(plan, "cpuset-cpus", CGROUP_CPUSET, cgroup, err);
		if (!write)
			return -ENOTSUP;
		fill(write, "cpuset.cpus", limits->cpuset, cpus_hold);
		(void)units_print_cpus(limits->cpuset, write->text, sizeof(write->text));
	}
	if (r == 0 && limits->memory_bytes)
		r = plan_memory(plan, limits, cgroup, err);
	for (const struct limit_number *n = limit_numbers; r == 0 && n->flag; n++)
		if (limit_number_value(limits, n))
			r = plan_number(plan, n, limit_number_value(limits, n), cgroup, err);
	for (size_t i = 0; r == 0 && i < limits->n_devices; i++)
		r = plan_device(plan, limits, &limits->devices[i], cgroup, err);
	return r;
}

int limits_apply(const struct limits *limits, const struct cgroup *cgroup, struct tare_err *err)
{
	struct plan plan;
	int r = plan_limits(&plan, limits, cgroup, err);

	for (size_t i = 0; r == 0 && i < plan.n; i++) {
		const struct limit_write *write = &plan.writes[i];

		r = fd_write_file(write->dirfd, write->file, write->text, err);
		if (r < 0)
			return err_wrap(err, r, "limit '%s', controller '%s' of version %d",
					write->flag, cgroup_controller_name(write->controller),
					write->version);
	}
	return r;
}

static int read_one(const struct limit_write *write, struct limits *now, json_t *files,
		    struct tare_err *err)
{
	const char *folder = write->controller == CGROUP_IO && write->version == 1
				     ? "blkio"
				     : cgroup_controller_name(write->controller);
	char content[CONTENT_SIZE], key[96];
	ssize_t n = fd_read_file(write->dirfd, write->file, content, sizeof(content), err);

	if (n < 0)
		return err_wrap(err, (int)n, "limit '%s'", write->flag);
	while (n > 0 && content[n - 1] == '\n')
		content[--n] = '\0';
	if (!write->holds(write, content, now))
		return err_set(err, ERANGE, "limit '%s': '%s' was set to '%s' and holds '%.60s'",
			       write->flag, write->file, write->text, content);
	(void)snprintf(key, sizeof(key), "%s/%s", folder, write->file);
	return json_put(files, key, json_string(content));
}

int limits_read_back(const struct limits *limits, const struct cgroup *cgroup, json_t **ret,
		     struct tare_err *err)
{
	cleanup_json json_t *files = json_object();
	cleanup_json json_t *object = NULL;
	/* The box has read that one back when it made the network. */
	struct limits now = {.net_rate = limits->net_rate};
	struct plan plan;
	int r = plan_limits(&plan, limits, cgroup, err);

	for (size_t i = 0; r == 0 && i < plan.n; i++)
		r = read_one(&plan.writes[i], &now, files, err);
	if (r < 0)
		return r;
	object = limits_to_json(&now);
	if (!object || json_put(object, "files", json_incref(files)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
}
