/* SPDX-License-Identifier: MIT */
#include "perf/list.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Software events exist everywhere; hardware ones where the machine lets us have them. */
#define EVENTS_DEFAULT                                                                             \
	"task-clock+context-switches+cpu-migrations+page-faults+{cycles,instructions}"

#define HOW "events are written EVENT+EVENT, groups of them {EVENT,EVENT}"

static int refuse(const char *text, const char *what, struct tare_err *err)
{
	return err_set(err, EINVAL, "'%.60s': %s; " HOW, text, what);
}

/* libpfm4 has names of letters, digits and these; '/' is a tracepoint's. */
static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.:=/", c));
}

/* The event at text; gives how long its name is. */
static int take_event(const char *text, unsigned int group, struct event_list *list,
		      struct tare_err *err)
{
	size_t length = 0;

	while (is_of_name(text[length]))
		length++;
	if (length == 0 && text[0] && !strchr("+,{}", text[0]))
		return err_set(err, EINVAL,
			       "an event's name cannot begin with the character 0x%02x; " HOW,
			       (unsigned char)text[0]);
	if (length == 0 && !text[0])
		return err_set(err, EINVAL, "an event is missing at the end; " HOW);
	if (length == 0)
		return refuse(text, "an event is missing before this", err);
	if (length >= LIST_NAME_SIZE)
		return err_set(err, EINVAL, "event '%.60s...': the name is too long", text);
	if (list->n == LIST_EVENTS)
		return err_set(err, EINVAL, "at most %d events are counted at once", LIST_EVENTS);
	struct list_event *event = &list->events[list->n];

	memcpy(event->name, text, length);
	event->name[length] = '\0';
	event->group = group;
	for (size_t i = 0; i < list->n; i++)
		if (list->events[i].group == group &&
		    strcmp(list->events[i].name, event->name) == 0)
			return err_set(err, EINVAL, "event '%.60s' is given twice", event->name);
	list->n++;
	return (int)length;
}

/* "{cycles,instructions}"; gives how long it is. */
static int take_group(const char *text, unsigned int group, struct event_list *list,
		      struct tare_err *err)
{
	const char *at = text;

	if (!strchr(text, '}'))
		return refuse(text, "the '{' has no '}'", err);
	do {
		int r = take_event(++at, group, list, err);

		if (r < 0)
			return r;
		at += r;
	} while (*at == ',');
	return *at == '}' ? (int)(at + 1 - text) : refuse(at, "this cannot be in a group", err);
}

static const char *take_mode(const char *text, struct event_list *list)
{
	static const char *const modes[] = {"cgroup", "inherit"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		size_t n = strlen(modes[i]);

		if (strncmp(text, modes[i], n) != 0 ||
		    (text[n] && (text[n] != ':' || text[n + 1] == ':')))
			continue;
		list->inherit = i == 1;
		text += n;
		return *text ? text + 1 : EVENTS_DEFAULT;
	}
	return text;
}

int list_parse(const char *text, struct event_list *ret, struct tare_err *err)
{
	struct event_list list = {0};
	unsigned int n_groups = 0;
	const char *at = text ? take_mode(text, &list) : EVENTS_DEFAULT;

	for (;;) {
		int r = *at == '{' ? take_group(at, ++n_groups, &list, err)
				   : take_event(at, 0, &list, err);

		if (r < 0)
			return r;
		at += r;
		if (!*at)
			break;
		if (*at != '+')
			return refuse(at, "a '+' is missing before this", err);
		at++;
	}
	*ret = list;
	return 0;
}

const char *list_key(const struct event_list *list, size_t event, char *buf, size_t size)
{
	const struct list_event *it = &list->events[event];
	bool again = false;

	for (size_t i = 0; i < list->n; i++)
		again |= (i < event || !list->events[i].group) && i != event &&
			 strcmp(list->events[i].name, it->name) == 0;
	if (again && it->group)
		(void)snprintf(buf, size, "%s{%u}", it->name, it->group);
	else
		(void)snprintf(buf, size, "%s", it->name);
	return buf;
}
