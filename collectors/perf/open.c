/* SPDX-License-Identifier: MIT */
#include "perf/open.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

int open_event(const struct encoded_event *event, const struct open_place *place)
{
	bool inherit = place->mode == OPEN_INHERIT;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = event->type,
		.config = event->config,
		.config1 = event->config1,
		.config2 = event->config2,
		.exclude_user = event->exclude_user,
		.exclude_kernel = event->exclude_kernel,
		.exclude_hv = event->exclude_hv,
		.exclude_guest = event->exclude_guest,
		.exclude_host = event->exclude_host,
		.inherit = inherit,
		/* The others of a group go by its first event. */
		.disabled = inherit && place->leader < 0,
		.enable_on_exec = inherit && place->leader < 0,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       (place->group ? PERF_FORMAT_GROUP | PERF_FORMAT_ID : 0),
	};
	unsigned long flags =
		PERF_FLAG_FD_CLOEXEC | (place->mode == OPEN_CGROUP ? PERF_FLAG_PID_CGROUP : 0);
	long fd = syscall(SYS_perf_event_open, &attr, place->who, place->cpu, place->leader, flags);

	return fd < 0 ? -errno : (int)fd;
}

/* Before Linux 4.13 what is inherited could not be read as a group: EINVAL, as much else is. */
static bool lacks_inherited_groups(const struct encoded_event *event,
				   const struct open_place *place)
{
	struct open_place alone = *place;

	if (place->mode != OPEN_INHERIT || !place->group || place->leader >= 0)
		return false;
	alone.group = false;
	cleanup_close int fd = open_event(event, &alone);
	return fd >= 0;
}

static const char *meaning(int code, const struct encoded_event *event,
			   const struct open_place *place)
{
	switch (code) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENXIO:
	case ENODEV:
		return "this machine has no such counter";
	case EACCES:
	case EPERM:
		return event->exclude_kernel
			       ? "perf_event_paranoid forbids it without CAP_PERFMON"
			       : "without CAP_PERFMON perf_event_paranoid allows user mode alone "
				 "(EVENT:u), or nothing";
	case EMFILE:
		return "too many open files (ulimit -n): fewer events, or fewer CPUs";
	case EBUSY:
		return "another program keeps the counters for itself";
	case EINVAL:
		if (lacks_inherited_groups(event, place))
			return "this kernel does not read groups in inherit mode: leave out the "
			       "braces, or count by cgroup";
		if (place->leader >= 0)
			return "the group does not fit on the counters of this machine's "
			       "processor, or mixes what cannot be together: make it smaller";
		return "this machine's counters cannot count it so";
	default:
		return "it could not be opened";
	}
}

void open_explain(int r, const struct encoded_event *event, const struct open_place *place,
		  char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s: perf_event_open: %s (%s)", meaning(-r, event, place),
		       strerrordesc_np(-r), strerrorname_np(-r));
}
