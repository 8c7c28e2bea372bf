/* SPDX-License-Identifier: MIT */
/* counters: software and hardware events of a cgroup, or of the player and all that comes of it,
 * named as libpfm4 names them. */

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/units.h"
#include "collector.h"
#include "perf/selftest.h"
#include "perf/survey.h"
#include "perf/tally.h"

struct counters {
	struct collector collector;
	bool born, taken[2];
	struct tally tally;
};

/* Whether events of a cgroup are to be had at all, by an event that counts nothing. */
static int try_cgroup(int cgroup_fd, int cpu, struct tare_err *err)
{
	const struct encoded_event dummy = {.type = PERF_TYPE_SOFTWARE,
					    .config = PERF_COUNT_SW_DUMMY};
	const struct open_place place = {
		.mode = OPEN_CGROUP, .who = cgroup_fd, .cpu = cpu, .leader = -1};
	int fd = open_event(&dummy, &place);
	char why[200];

	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	/* A kernel that booted with v2 alone gives its groups no perf_event before any of its
	 * controllers is enabled (cgroup_ss_mask() in kernel/cgroup/cgroup.c). */
	if (fd == -ENOENT)
		return err_set(err, ENOTSUP,
			       "perf does not know this cgroup: enable a controller, such as pids, "
			       "in the top cgroup.subtree_control once, or use counters=inherit");
	open_explain(fd, &dummy, &place, why, sizeof(why));
	return err_set(err, ENOTSUP, "events of a cgroup cannot be counted: %s", why);
}

/* The CPUs that the target may run on; all that are online where it may run on any. */
static int list_cpus(struct tally *tally, uint64_t mask, struct tare_err *err)
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
	for (int cpu = 0; cpu < TALLY_CPUS; cpu++)
		if (mask >> cpu & 1)
			tally->cpus[tally->n_places++] = cpu;
	return 0;
}

static int counters_probe(struct tare_err *err)
{
	return survey_probe(err);
}

static int counters_missing(json_t *figures, struct tare_err *err)
{
	return survey_events(figures, err);
}

/* Names that this machine's libpfm4 does not know may be another machine's: the record says so.
 * What it knows and cannot be asked for so is a mistake on each. */
static int counters_check(const char *argument, struct tare_err *err)
{
	struct event_list list;
	int r = list_parse(argument, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct encoded_event event;
		struct tare_err why = {0};

		if (encode_event(list.events[i].name, &event, &why) == -EINVAL)
			r = err_set(err, EINVAL, "%s", why.msg);
	}
	return r;
}

extern const struct collector_ops collector_ops_counters;

static void counters_detach(struct collector *collector)
{
	struct counters *c = (struct counters *)collector;

	if (!c)
		return;
	tally_close(&c->tally);
	free(c);
}

static int attach_to_group(struct counters *c, const struct collector_target *target,
			   struct tare_err *err)
{
	int fd = target->cgroup ? cgroup_v2_fd(target->cgroup) : -1, r;

	if (fd < 0)
		return err_set(
			err, ENOTSUP, "%s: use counters=inherit",
			target->cgroup
				? "no cgroup v2 is mounted here to count in"
				: "without rights to make a cgroup there is none to count in");
	r = list_cpus(&c->tally, target->cpus, err);
	if (r == 0)
		r = try_cgroup(fd, c->tally.cpus[0], err);
	if (r < 0)
		return r;
	tally_encode(&c->tally);
	tally_open(&c->tally, OPEN_CGROUP, fd);
	return 0;
}

static int counters_attach(const struct collector_target *target, struct collector **ret,
			   struct tare_err *err)
{
	struct counters *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	c->collector.ops = &collector_ops_counters;
	r = list_parse(target->argument, &c->tally.list, err);
	if (r == 0 && c->tally.list.inherit) {
		c->tally.n_places = 1;
		tally_encode(&c->tally);
	} else if (r == 0) {
		r = attach_to_group(c, target, err);
	}
	if (r < 0) {
		counters_detach(&c->collector);
		return r;
	}
	*ret = &c->collector;
	return 0;
}

static void counters_born(struct collector *collector, pid_t pid)
{
	struct counters *c = (struct counters *)collector;

	if (!c->tally.list.inherit)
		return;
	c->born = true;
	tally_open(&c->tally, OPEN_INHERIT, pid);
}

static int counters_snapshot(struct collector *collector, enum collector_moment moment,
			     struct tare_err *err)
{
	struct counters *c = (struct counters *)collector;
	int r = tally_read(&c->tally, moment, err);

	c->taken[moment] = r == 0;
	return r;
}

/* It was opened. Why there is no count in spite of that; NULL: there is. */
static const char *why_not_counted(const struct counters *c, const struct tally_sum *sum)
{
	if (c->tally.list.inherit && sum->enabled_ever_ns == 0)
		return "it was never switched on: at the player's start the kernel took it away, "
		       "as it does from a program that may not be read or changes its user";
	if (sum->sum.enabled_ns > 0 && sum->sum.running_ns == 0)
		return "it was on but never had a counter: others, or the group's own events, had "
		       "them all; make groups smaller or ask for fewer events";
	return NULL;
}

static json_t *refusal_to_json(const struct counters *c, const struct tally_event *event)
{
	if (!event->why[0] && !c->born)
		return json_pack("{s:s}", "unsupported",
				 "inherit mode: whoever started the player did not say which "
				 "process it is");
	return json_pack("{s:s,s:s*}", "unsupported", event->why, "errno", event->code);
}

static json_t *event_to_json(const struct counters *c, size_t e, bool *ret_multiplexed)
{
	const struct tally_event *event = &c->tally.events[e];
	struct tally_sum sum = tally_difference(&c->tally, e);
	const char *why = why_not_counted(c, &sum), *suspect = event->suspect;
	json_t *object;

	if (!event->counts)
		return refusal_to_json(c, event);
	*ret_multiplexed = sum.sum.running_ns < sum.sum.enabled_ns;
	object = json_pack("{s:o,s:o}", "enabled_ns", json_u64(sum.sum.enabled_ns), "running_ns",
			   json_u64(sum.sum.running_ns));
	if (why)
		(void)json_put(object, "not_counted", json_string(why));
	if (why)
		return object;
	if (!suspect[0] && sum.sum.value == 0 &&
	    selftest_must_count(&event->encoded, sum.sum.running_ns))
		suspect = "tasks ran while it was on, and it shows 0";
	(void)json_put(object, "value", json_u64(sum.sum.value));
	(void)json_put(object, "scaled", json_number(sum.scaled));
	if (suspect[0])
		(void)json_put(object, "suspect", json_string(suspect));
	return object;
}

static int counters_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct counters *c = (struct counters *)collector;
	const struct event_list *list = &c->tally.list;
	cleanup_json json_t *object = NULL;
	json_t *events = json_object();
	json_int_t n_multiplexed = 0;

	for (size_t e = 0; e < list->n; e++) {
		bool multiplexed = false;
		json_t *seen = event_to_json(c, e, &multiplexed);
		char key[LIST_KEY_SIZE];

		n_multiplexed += multiplexed;
		if (list->events[e].group)
			(void)json_put(seen, "group", json_integer(list->events[e].group));
		(void)json_put(events, list_key(list, e, key, sizeof(key)), seen);
	}
	object = json_pack("{s:s,s:o,s:{s:I}}", "mode", list->inherit ? "inherit" : "cgroup",
			   "events", events, "lost", "multiplexed", n_multiplexed);
	if (!c->taken[COLLECTOR_BEGIN] || !c->taken[COLLECTOR_END])
		return err_set(err, EINVAL, "read before its two snapshots");
	if (!object)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
}

const struct collector_ops collector_ops_counters = {
	.name = "counters",
	.summary = "perf events by libpfm4's names: EVENT+EVENT, groups {EVENT,EVENT}, inherit:...",
	.traces = true,
	.groupless = true,
	.probe = counters_probe,
	.missing = counters_missing,
	.check = counters_check,
	.attach = counters_attach,
	.born = counters_born,
	.snapshot = counters_snapshot,
	.read = counters_read,
	.detach = counters_detach,
};
