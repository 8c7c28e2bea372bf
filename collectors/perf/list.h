/* SPDX-License-Identifier: MIT */
#pragma once
/* list: which events to count, as the argument of `counters` says it.
 *
 *   [inherit|cgroup[:]][ITEM[+ITEM]...]    ITEM is EVENT or {EVENT,EVENT...}, a group
 *
 * EVENT is a name of libpfm4's with its unit masks and modifiers ("cycles:u"), or a tracepoint
 * ("sched/sched_switch"; "sched:sched_switch", as perf writes it, is the same). The events of a
 * group share the CPU's counters all or none. No event at all: those that exist everywhere. */

#include <stdbool.h>
#include <stddef.h>

struct tare_err;

#define LIST_EVENTS    16
#define LIST_NAME_SIZE 128

struct list_event {
	char name[LIST_NAME_SIZE];
	unsigned int group; /* counted from 1; 0: it is on its own */
};

struct event_list {
	bool inherit; /* of the player and all that comes of it; else of the cgroup */
	size_t n;
	struct list_event events[LIST_EVENTS];
};

/* -EINVAL: with one sentence of what is wrong with text, which is not trusted. NULL: the default.
 */
int list_parse(const char *text, struct event_list *ret, struct tare_err *err);
/* What an event is called in a record, where each name may be but once: one that is in several
 * places is NAME on its own, or else in its first group, and NAME{GROUP} in the others. Gives back
 * buf. */
const char *list_key(const struct event_list *list, size_t event, char *buf, size_t size);
#define LIST_KEY_SIZE (LIST_NAME_SIZE + 8)
