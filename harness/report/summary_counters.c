/* SPDX-License-Identifier: MIT */
/* What perf counted in the observed rounds, and what it could not. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/record.h"
#include "report/summary.h"

#define EVENTS_MAX 64

/* From good to bad: a cell is as its worst trial. */
enum state { COUNTED, MULTIPLEXED, SUSPECT, NOT_COUNTED, UNSUPPORTED };
static const char *const state_names[] = {"counted", "multiplexed", "suspect", "not-counted",
					  "unsupported"};

struct event {
	char name[160];
	uint64_t group;
	enum state state;
	char why[200]; /* of the record, or "" */
	size_t trials; /* that gave a value */
	uint64_t ops, enabled_ns, running_ns;
	double value, scaled;
};

struct events {
	struct event *items;
	size_t n;
	char mode[16];
};

static void cleanup_eventsp(struct events *events)
{
	free(events->items);
}
#define cleanup_events __attribute__((cleanup(cleanup_eventsp)))

static struct event *find_event(struct events *events, const char *name)
{
	struct event *event = events->items;

	while (event < events->items + events->n && strcmp(event->name, name) != 0)
		event++;
	if (event < events->items + events->n)
		return event;
	if (events->n == EVENTS_MAX || strlen(name) >= sizeof(event->name))
		return NULL;
	events->n++;
	(void)snprintf(event->name, sizeof(event->name), "%s", name);
	return event;
}

static enum state state_of(const json_t *one, const char **ret_why)
{
	static const struct {
		const char *key;
		enum state state;
	} bad[] = {
		{"unsupported", UNSUPPORTED}, {"not_counted", NOT_COUNTED}, {"suspect", SUSPECT}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*ret_why = json_string_or(one, bad[i].key, "");
		if (**ret_why)
			return bad[i].state;
	}
	return json_u64_or(one, "running_ns", 0) < json_u64_or(one, "enabled_ns", 0) ? MULTIPLEXED
										     : COUNTED;
}

static void merge_event(const json_t *one, uint64_t ops, struct event *event)
{
	const char *why;
	enum state state = state_of(one, &why);

	event->group = json_u64_or(one, "group", 0);
	if (state > event->state) {
		event->state = state;
		(void)snprintf(event->why, sizeof(event->why), "%s", why);
	}
	if (state == UNSUPPORTED)
		return;
	event->enabled_ns += json_u64_or(one, "enabled_ns", 0);
	event->running_ns += json_u64_or(one, "running_ns", 0);
	if (state == NOT_COUNTED)
		return;
	event->trials++;
	event->ops += ops;
	event->value += json_double_or(one, "value", 0);
	event->scaled += json_double_or(one, "scaled", 0);
}

static int merge_trial(const struct run_trial *trial, struct events *events, struct tare_err *err)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_COUNTERS ? run_record(trial) : NULL;
	const json_t *seen = json_object_get(json_object_get(record, "collectors"), "counters");
	const json_t *load = json_object_get(record, "load");
	json_t *by_name = json_object_get(seen, "events"), *one;
	uint64_t ops = json_u64_or(load, "ops", 0) + json_u64_or(load, "lead_in", 0);
	const char *name;

	if (!json_is_object(by_name))
		return 0;
	(void)snprintf(events->mode, sizeof(events->mode), "%s",
		       json_string_or(seen, "mode", "cgroup"));
	json_object_foreach(by_name, name, one)
	{
		struct event *event = find_event(events, name);

		if (!event)
			return err_set(err, EBADMSG, "record %" PRIu64 ": too many events",
				       trial->seq);
		merge_event(one, ops, event);
	}
	return 0;
}

/* Of a group the first event that has a figure: within it ratios hold, also where the group had
 * its counters for a part of the time only. */
static const struct event *first_of_group(const struct events *events, uint64_t group)
{
	for (size_t i = 0; group && i < events->n; i++)
		if (events->items[i].group == group && events->items[i].trials)
			return &events->items[i];
	return NULL;
}

static json_t *event_json(const struct run *run, const struct run_cell *cell,
			  const struct events *events, const struct event *event)
{
	const struct event *first = first_of_group(events, event->group);
	json_t *object = summary_cell_json(run, cell);

	(void)json_put(object, "event", json_string(event->name));
	(void)json_put(object, "counted_in", json_string(events->mode));
	(void)json_put(object, "event_group", json_u64(event->group));
	(void)json_put(object, "state", json_string(state_names[event->state]));
	(void)json_put(object, "why", json_string(event->why));
	(void)json_put(object, "trials", json_u64(event->trials));
	(void)json_put(object, "ops", json_u64(event->ops));
	(void)json_put(object, "enabled_ns", json_u64(event->enabled_ns));
	(void)json_put(object, "running_ns", json_u64(event->running_ns));
	if (!event->trials)
		return object;
	(void)json_put(object, "value", json_number(event->value));
	(void)json_put(object, "scaled", json_number(event->scaled));
	(void)json_put(object, "per_op", json_number(event->scaled / (double)event->ops));
	if (first && first != event) {
		(void)json_put(object, "first", json_string(first->name));
		(void)json_put(object, "of_first", json_number(event->scaled / first->scaled));
	}
	return object;
}

static int add_cell(const struct run *run, const struct run_cell *cell, json_t *list,
		    struct tare_err *err)
{
	cleanup_events struct events events = {.items = calloc(EVENTS_MAX, sizeof(struct event))};

	if (!events.items)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		int r = run_trial_counts(trial) ? merge_trial(trial, &events, err) : 0;

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < events.n; i++)
		(void)json_array_append_new(list, event_json(run, cell, &events, &events.items[i]));
	return 0;
}

/* An operation's share against the baseline's, of what both can be believed in. */
static int add_ratios(json_t *list, const char *baseline, struct tare_err *err)
{
	cleanup_json json_t *index = summary_index_baseline(list, baseline, "event");
	json_t *row;
	size_t i;

	if (!index)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, row)
	{
		const json_t *base = summary_baseline_of(index, row, "event");
		double here = json_double_or(row, "per_op", NAN);
		double there = json_double_or(base, "per_op", NAN);

		if (base && *json_string_or(row, "why", "") == '\0' &&
		    *json_string_or(base, "why", "") == '\0' && there > 0)
			(void)json_put(row, "ratio", json_number(here / there));
	}
	return 0;
}

int summary_add_counters(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();
	int r = 0;

	(void)json_put(summary, "counters", list);
	for (size_t i = 0; r == 0 && i < run->n_cells; i++)
		if (run->cells[run->order[i]].observed)
			r = add_cell(run, &run->cells[run->order[i]], list, err);
	return r < 0 ? r : add_ratios(list, run_baseline(run), err);
}
