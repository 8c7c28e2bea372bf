/* SPDX-License-Identifier: MIT */
#include "perf/tally.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "perf/selftest.h"

void tally_encode(struct tally *tally)
{
	for (size_t e = 0; e < tally->list.n; e++) {
		struct tally_event *event = &tally->events[e];
		struct tare_err err = {0};

		for (size_t i = 0; i < TALLY_CPUS; i++)
			event->fds[i] = -1;
		if (encode_event(tally->list.events[e].name, &event->encoded, &err) < 0)
			(void)snprintf(event->why, sizeof(event->why), "%.199s", err.msg);
		else
			(void)selftest_event(&event->encoded, selftest_work, event->suspect,
					     sizeof(event->suspect));
	}
}

static void close_event(struct tally *tally, struct tally_event *event)
{
	for (size_t i = 0; i < tally->n_places; i++) {
		cleanup_closep(&event->fds[i]);
		event->fds[i] = -1;
	}
	event->counts = false;
}

/* The first event of its group that is open; NULL: it is the first itself, or in no group. */
static const struct tally_event *leader_of(const struct tally *tally, size_t e)
{
	unsigned int group = tally->list.events[e].group;

	for (size_t i = 0; group && i < e; i++)
		if (tally->list.events[i].group == group && tally->events[i].counts)
			return &tally->events[i];
	return NULL;
}

/* On each CPU, or on none. */
static void open_one(struct tally *tally, size_t e, enum open_mode mode, int who)
{
	const struct tally_event *leader = leader_of(tally, e);
	struct tally_event *event = &tally->events[e];

	event->counts = true;
	for (size_t i = 0; i < tally->n_places; i++) {
		const struct open_place place = {
			.mode = mode,
			.who = who,
			.cpu = mode == OPEN_CGROUP ? tally->cpus[i] : -1,
			.leader = leader ? leader->fds[i] : -1,
			.group = tally->list.events[e].group != 0,
		};
		int fd = open_event(&event->encoded, &place);

		if (fd < 0) {
			open_explain(fd, &event->encoded, &place, event->why, sizeof(event->why));
			event->code = strerrorname_np(-fd);
			close_event(tally, event);
			return;
		}
		event->fds[i] = fd;
		if (place.group)
			(void)ioctl(fd, PERF_EVENT_IOC_ID, &event->ids[i]);
	}
}

void tally_open(struct tally *tally, enum open_mode mode, int who)
{
	for (size_t e = 0; e < tally->list.n; e++)
		if (!tally->events[e].why[0])
			open_one(tally, e, mode, who);
}

void tally_close(struct tally *tally)
{
	/* A group's first event last: without it the others would go on alone. */
	for (size_t e = tally->list.n; e > 0; e--)
		close_event(tally, &tally->events[e - 1]);
}

struct group_reading {
	uint64_t n, enabled_ns, running_ns;
	struct {
		uint64_t value, id;
	} items[LIST_EVENTS];
};

static void give_out(struct tally *tally, unsigned int group, size_t place, int which,
		     const struct group_reading *reading)
{
	for (size_t e = 0; e < tally->list.n; e++) {
		struct tally_event *event = &tally->events[e];

		if (tally->list.events[e].group != group || !event->counts)
			continue;
		for (size_t i = 0; i < reading->n && i < LIST_EVENTS; i++)
			if (reading->items[i].id == event->ids[place])
				event->readings[which][place] = (struct tally_reading){
					reading->items[i].value, reading->enabled_ns,
					reading->running_ns};
	}
}

static int read_at(struct tally *tally, size_t e, size_t place, int which)
{
	struct tally_event *event = &tally->events[e];
	unsigned int group = tally->list.events[e].group;
	struct group_reading reading;
	ssize_t n;

	if (!group) {
		n = read(event->fds[place], &event->readings[which][place],
			 sizeof(event->readings[which][place]));
		return n == (ssize_t)sizeof(event->readings[which][place]) ? 0 : -1;
	}
	n = read(event->fds[place], &reading, sizeof(reading));
	if (n < (ssize_t)(3 * sizeof(uint64_t)))
		return -1;
	give_out(tally, group, place, which, &reading);
	return 0;
}

int tally_read(struct tally *tally, int which, struct tare_err *err)
{
	for (size_t e = 0; e < tally->list.n; e++) {
		if (!tally->events[e].counts || leader_of(tally, e))
			continue;
		for (size_t i = 0; i < tally->n_places; i++)
			if (read_at(tally, e, i, which) < 0)
				return err_errno(err, "read event '%.60s'",
						 tally->list.events[e].name);
	}
	return 0;
}

struct tally_sum tally_difference(const struct tally *tally, size_t event)
{
	const struct tally_event *it = &tally->events[event];
	struct tally_sum ret = {0};
	uint64_t counted_ns = 0; /* enabled where it had a counter at all */

	for (size_t i = 0; i < tally->n_places; i++) {
		const struct tally_reading *begin = &it->readings[0][i], *end = &it->readings[1][i];
		uint64_t value = end->value - begin->value;
		uint64_t enabled = end->enabled_ns - begin->enabled_ns;
		uint64_t running = end->running_ns - begin->running_ns;

		ret.sum.value += value;
		ret.sum.enabled_ns += enabled;
		ret.sum.running_ns += running;
		ret.enabled_ever_ns += end->enabled_ns;
		if (running == 0)
			continue;
		ret.scaled += (double)value * (double)enabled / (double)running;
		counted_ns += enabled;
	}
	/* A place where it never had one is taken to be like the others. */
	if (counted_ns > 0)
		ret.scaled *= (double)ret.sum.enabled_ns / (double)counted_ns;
	return ret;
}
