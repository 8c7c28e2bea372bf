/* SPDX-License-Identifier: MIT */
/* counters: software and hardware events of a cgroup, named as libpfm4 names them. */

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/units.h"
#include "collector.h"
#include "perf/encode.h"

#define EVENTS_MAX 16
#define CPUS_MAX   64
#define NAME_MAX_  64

/* Software events exist everywhere; hardware ones where the machine lets us have them. */
#define EVENTS_DEFAULT "task-clock:context-switches:cpu-migrations:page-faults:cycles:instructions"

/* As read(2) gives it with the read_format below; perf_event_open(2). */
struct reading {
	uint64_t value, enabled_ns, running_ns;
};

struct event {
	char name[NAME_MAX_];
	char why[160]; /* why it is not to be had, else empty */
	int fds[CPUS_MAX];
	struct reading begin[CPUS_MAX], end[CPUS_MAX];
};

struct counters {
	struct collector collector;
	int cpus[CPUS_MAX];
	size_t n_cpus, n_events;
	bool taken[2];
	struct event events[EVENTS_MAX];
};

static int open_event(const struct encoded_event *encoded, int cgroup_fd, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = encoded->type,
		.config = encoded->config,
		.config1 = encoded->config1,
		.config2 = encoded->config2,
		.exclude_user = encoded->exclude_user,
		.exclude_kernel = encoded->exclude_kernel,
		.exclude_hv = encoded->exclude_hv,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	unsigned long flags = PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC;

	return (int)syscall(SYS_perf_event_open, &attr, cgroup_fd, cpu, -1, flags);
}

/* Whether events of a cgroup are to be had at all, by an event that counts nothing. */
static int try_cgroup(const struct counters *c, int cgroup_fd, struct tare_err *err)
{
	const struct encoded_event dummy = {.type = PERF_TYPE_SOFTWARE,
					    .config = PERF_COUNT_SW_DUMMY};
	int fd = open_event(&dummy, cgroup_fd, c->cpus[0]);
	int code = errno;

	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	/* A kernel that booted with v2 alone gives its groups no perf_event before any of its
	 * controllers is enabled (cgroup_ss_mask() in kernel/cgroup/cgroup.c). */
	if (code == ENOENT)
		return err_set(err, ENOTSUP,
			       "perf does not know this cgroup: enable a controller, such as pids, "
			       "in the top cgroup.subtree_control once");
	errno = code;
	(void)err_errno(err, "perf_event_open for a cgroup (CAP_PERFMON is needed)");
	return -ENOTSUP;
}

/* "sched/sched_switch": a tracepoint. libpfm4 knows them only where debugfs is mounted. */
static int encode_tracepoint(const char *name, struct encoded_event *ret, struct tare_err *err)
{
	char path[160], text[32];
	ssize_t n;

	if (strstr(name, ".."))
		return err_set(err, EINVAL, "event '%.60s': no such tracepoint", name);
	(void)snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", name);
	n = fd_read_file_quiet(-1, path, text, sizeof(text));
	if (n < 0) {
		errno = (int)-n;
		return err_errno(err, "tracepoint '%.60s'", name);
	}
	*ret = (struct encoded_event){.type = PERF_TYPE_TRACEPOINT,
				      .config = strtoull(text, NULL, 10)};
	return 0;
}

static void close_event(const struct counters *c, struct event *event)
{
	for (size_t i = 0; i < c->n_cpus; i++) {
		cleanup_closep(&event->fds[i]);
		event->fds[i] = -1;
	}
}

/* Open it on each CPU, or say in event->why why it is not to be had. */
static void try_event(const struct counters *c, struct event *event, int cgroup_fd)
{
	struct tare_err err = {0};
	struct encoded_event encoded;
	int r = strchr(event->name, '/') ? encode_tracepoint(event->name, &encoded, &err)
					 : encode_event(event->name, &encoded, &err);

	if (r < 0) {
		(void)snprintf(event->why, sizeof(event->why), "%.159s", err.msg);
		return;
	}
	for (size_t i = 0; i < c->n_cpus; i++) {
		event->fds[i] = open_event(&encoded, cgroup_fd, c->cpus[i]);
		if (event->fds[i] >= 0)
			continue;
		(void)snprintf(event->why, sizeof(event->why),
			       "this machine has no such counter: perf_event_open: %m (%s)",
			       strerrorname_np(errno));
		close_event(c, event);
		return;
	}
}

static int parse_events(struct counters *c, const char *text, struct tare_err *err)
{
	while (*text) {
		size_t length = strcspn(text, ":");
		struct event *event = &c->events[c->n_events];

		if (length == 0 || length >= NAME_MAX_)
			return err_set(err, EINVAL,
				       "'%.60s' is no list of events such as cycles:page-faults",
				       text);
		if (c->n_events == EVENTS_MAX)
			return err_set(err, EINVAL, "at most %d events", EVENTS_MAX);
		memcpy(event->name, text, length);
		event->name[length] = '\0';
		for (size_t i = 0; i < CPUS_MAX; i++)
			event->fds[i] = -1;
		c->n_events++;
		text += length + (text[length] == ':');
	}
	return c->n_events > 0 ? 0 : err_set(err, EINVAL, "the list of events is empty");
}

/* The CPUs that the target may run on; all that are online where it may run on any. */
static int list_cpus(struct counters *c, uint64_t mask, struct tare_err *err)
{
	char text[256];
	int r;

	if (mask == 0) {
		r = (int)fd_read_file(-1, "/sys/devices/system/cpu/online", text, sizeof(text),
				      err);
		if (r < 0)
			return r;
		text[strcspn(text, "\n")] = '\0';
		r = units_parse_cpus("CPUs online", text, &mask, err);
		if (r < 0)
			return r;
	}
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		if (mask >> cpu & 1)
			c->cpus[c->n_cpus++] = cpu;
	return 0;
}

static int counters_probe(struct tare_err *err)
{
	struct encoded_event encoded;
	int r = encode_event("page-faults", &encoded, err);

	if (r < 0)
		return -ENOTSUP;
	if (access("/proc/sys/kernel/perf_event_paranoid", F_OK) < 0)
		return err_set(err, ENOTSUP, "this kernel has no perf_event_open(2)");
	return 0;
}

extern const struct collector_ops collector_ops_counters;

static void counters_detach(struct collector *collector)
{
	struct counters *c = (struct counters *)collector;

	if (!c)
		return;
	for (size_t i = 0; i < c->n_events; i++)
		close_event(c, &c->events[i]);
	free(c);
}

static int counters_attach(const struct collector_target *target, struct collector **ret,
			   struct tare_err *err)
{
	struct counters *c = calloc(1, sizeof(*c));
	int cgroup_fd = cgroup_v2_fd(target->cgroup), r;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	c->collector.ops = &collector_ops_counters;
	r = cgroup_fd >= 0 ? list_cpus(c, target->cpus, err)
			   : err_set(err, ENOTSUP, "no cgroup v2 is mounted here");
	if (r == 0)
		r = parse_events(c, target->argument ? target->argument : EVENTS_DEFAULT, err);
	if (r == 0)
		r = try_cgroup(c, cgroup_fd, err);
	if (r < 0) {
		counters_detach(&c->collector);
		return r;
	}
	for (size_t i = 0; i < c->n_events; i++)
		try_event(c, &c->events[i], cgroup_fd);
	*ret = &c->collector;
	return 0;
}

static int counters_snapshot(struct collector *collector, enum collector_moment moment,
			     struct tare_err *err)
{
	struct counters *c = (struct counters *)collector;

	for (size_t e = 0; e < c->n_events; e++) {
		struct event *event = &c->events[e];
		struct reading *readings = moment == COLLECTOR_BEGIN ? event->begin : event->end;

		for (size_t i = 0; i < c->n_cpus && !event->why[0]; i++)
			if (read(event->fds[i], &readings[i], sizeof(*readings)) !=
			    (ssize_t)sizeof(*readings))
				return err_errno(err, "read event '%s'", event->name);
	}
	c->taken[moment] = true;
	return 0;
}

/* Sums over the CPUs. Scaled: what it would be had the event been counted all the time, for
 * when the kernel had to share counters out. */
static json_t *event_to_json(const struct counters *c, const struct event *event,
			     bool *ret_multiplexed)
{
	struct reading sum = {0};
	double scaled = 0;

	for (size_t i = 0; i < c->n_cpus; i++) {
		uint64_t value = event->end[i].value - event->begin[i].value;
		uint64_t enabled = event->end[i].enabled_ns - event->begin[i].enabled_ns;
		uint64_t running = event->end[i].running_ns - event->begin[i].running_ns;

		sum.value += value;
		sum.enabled_ns += enabled;
		sum.running_ns += running;
		if (running > 0)
			scaled += (double)value * (double)enabled / (double)running;
	}
	*ret_multiplexed = sum.running_ns < sum.enabled_ns;
	if (sum.enabled_ns > 0 && sum.running_ns == 0)
		return json_pack("{s:s}", "unsupported", "it was opened but never counted");
	return json_pack("{s:o,s:o,s:o,s:o}", "value", json_u64(sum.value), "enabled_ns",
			 json_u64(sum.enabled_ns), "running_ns", json_u64(sum.running_ns), "scaled",
			 json_number(scaled));
}

static int counters_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct counters *c = (struct counters *)collector;
	cleanup_json json_t *object = NULL;
	json_t *events = json_object();
	json_int_t n_multiplexed = 0;

	for (size_t i = 0; i < c->n_events; i++) {
		const struct event *event = &c->events[i];
		bool multiplexed = false;
		json_t *seen = event->why[0] ? json_pack("{s:s}", "unsupported", event->why)
					     : event_to_json(c, event, &multiplexed);

		n_multiplexed += multiplexed;
		(void)json_put(events, event->name, seen);
	}
	object = json_pack("{s:o,s:{s:I}}", "events", events, "lost", "multiplexed", n_multiplexed);
	if (!c->taken[COLLECTOR_BEGIN] || !c->taken[COLLECTOR_END])
		return err_set(err, EINVAL, "read before its two snapshots");
	if (!object)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
}

const struct collector_ops collector_ops_counters = {
	.name = "counters",
	.summary = "perf events by their libpfm4 names: switches, faults, cycles, ...",
	.traces = true,
	.probe = counters_probe,
	.attach = counters_attach,
	.snapshot = counters_snapshot,
	.read = counters_read,
	.detach = counters_detach,
};
