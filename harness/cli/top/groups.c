/* SPDX-License-Identifier: MIT */
#include "cli/top/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/cgroup_tree.h"
#include "kernel/journal.h"

/* v1 writes a limit that is none as the greatest whole number of pages. */
#define NO_LIMIT_LEAST (1ULL << 62)

#define UNIFIED (-1) /* the v2 folder, which every group has, controllers or none */

/* Where a figure is: the first row that this group has serves. */
static const struct {
	enum groups_figure figure;
	int controller;
	int version;
	const char *file, *key; /* key NULL: the file is the number */
	uint64_t times;
} files[] = {
	{GROUPS_CPU_NS, CGROUP_CPUACCT, 1, "cpuacct.usage", NULL, 1},
	{GROUPS_CPU_NS, UNIFIED, 2, "cpu.stat", "usage_usec", 1000},
	{GROUPS_QUOTA_US, CGROUP_CPU, 1, "cpu.cfs_quota_us", NULL, 1},
	{GROUPS_PERIOD_US, CGROUP_CPU, 1, "cpu.cfs_period_us", NULL, 1},
	{GROUPS_QUOTA_US, CGROUP_CPU, 2, "cpu.max", NULL, 1},
	{GROUPS_PERIODS, CGROUP_CPU, 1, "cpu.stat", "nr_periods", 1},
	{GROUPS_PERIODS, CGROUP_CPU, 2, "cpu.stat", "nr_periods", 1},
	{GROUPS_THROTTLED, CGROUP_CPU, 1, "cpu.stat", "nr_throttled", 1},
	{GROUPS_THROTTLED, CGROUP_CPU, 2, "cpu.stat", "nr_throttled", 1},
	{GROUPS_MEMORY, CGROUP_MEMORY, 1, "memory.usage_in_bytes", NULL, 1},
	{GROUPS_MEMORY, CGROUP_MEMORY, 2, "memory.current", NULL, 1},
	{GROUPS_MEMORY_MAX, CGROUP_MEMORY, 1, "memory.limit_in_bytes", NULL, 1},
	{GROUPS_MEMORY_MAX, CGROUP_MEMORY, 2, "memory.max", NULL, 1},
	{GROUPS_PIDS, CGROUP_PIDS, 1, "pids.current", NULL, 1},
	{GROUPS_PIDS, CGROUP_PIDS, 2, "pids.current", NULL, 1},
	{GROUPS_PIDS_MAX, CGROUP_PIDS, 1, "pids.max", NULL, 1},
	{GROUPS_PIDS_MAX, CGROUP_PIDS, 2, "pids.max", NULL, 1},
};

/* The group's folder in a hierarchy. */
static int open_group(const struct cgroup_hierarchy *hierarchy, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, name);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* cpu.max is "QUOTA PERIOD", or "max PERIOD" (cgroup-v2.rst). */
static void read_cpu_max(int dir, struct group_state *state)
{
	char text[64], *end;

	if (fd_read_file_quiet(dir, "cpu.max", text, sizeof(text)) < 0)
		return;
	if (strncmp(text, "max", 3) != 0)
		state->values[GROUPS_QUOTA_US] = strtoull(text, &end, 10);
	end = strchr(text, ' ');
	if (end)
		state->values[GROUPS_PERIOD_US] = strtoull(end, NULL, 10);
}

static void read_figure(int dir, size_t i, struct group_state *state)
{
	uint64_t *value = &state->values[files[i].figure];
	int r;

	if (*value != GROUPS_NONE)
		return;
	if (strcmp(files[i].file, "cpu.max") == 0) {
		read_cpu_max(dir, state);
		return;
	}
	r = files[i].key ? cgfile_read_key(dir, files[i].file, files[i].key, value, NULL)
			 : cgfile_read_u64(dir, files[i].file, value, NULL);
	if (r < 0 || *value >= NO_LIMIT_LEAST)
		*value = GROUPS_NONE;
	else
		*value *= files[i].times;
}

/* The sum of the numbers after a word: " Read 4096" of blkio.throttle.io_service_bytes, v2's
 * " rbytes=4096" of io.stat; a line a device. */
static uint64_t sum_after(const char *text, const char *word)
{
	uint64_t sum = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		sum += strtoull(at + strlen(word), NULL, 10);
	return sum;
}

static void read_io(int dir, int version, struct group_state *state)
{
	char text[16384];

	if (fd_read_file_quiet(dir, version == 2 ? "io.stat" : "blkio.throttle.io_service_bytes",
			       text, sizeof(text)) < 0)
		return;
	state->values[GROUPS_READ] = sum_after(text, version == 2 ? " rbytes=" : " Read ");
	state->values[GROUPS_WRITTEN] = sum_after(text, version == 2 ? " wbytes=" : " Write ");
}

/* The begin of a file, which may be longer than there is room; -1: there is none. */
static ssize_t read_begin(int dir, const char *path, char *buf, size_t size)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* What is in it, in the words of its first process's command line, which may be anything. */
static void read_command(int dir, struct group_state *state)
{
	char path[64], procs[32];
	ssize_t n;

	if (read_begin(dir, "cgroup.procs", procs, sizeof(procs)) <= 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%lu/cmdline", strtoul(procs, NULL, 10));
	n = read_begin(AT_FDCWD, path, state->command, sizeof(state->command));
	for (ssize_t i = 0; i + 1 < n; i++)
		if (state->command[i] == '\0')
			state->command[i] = ' ';
	(void)text_make_printable(state->command);
}

struct reading {
	const char *run; /* NULL: all */
	struct group_list list;
	size_t room;
	int failed;
};

static const struct cgroup_hierarchy *hierarchy_of(const struct cgroup_layout *layout,
						   int controller)
{
	const struct cgroup_hierarchy *hierarchy =
		controller == UNIFIED ? &layout->unified : &layout->controllers[controller];

	return hierarchy->version ? hierarchy : NULL;
}

static void read_group(const struct cgroup_layout *layout,
		       const struct cgroup_hierarchy *const *mounts, size_t n_mounts,
		       struct group_state *state)
{
	const struct cgroup_hierarchy *io = hierarchy_of(layout, CGROUP_IO);

	state->at_ns = clock_now_ns();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const struct cgroup_hierarchy *at = hierarchy_of(layout, files[i].controller);
		cleanup_close int dir =
			at && at->version == files[i].version ? open_group(at, state->name) : -1;

		if (dir >= 0)
			read_figure(dir, i, state);
	}
	cleanup_close int dir = io ? open_group(io, state->name) : -1;
	if (dir >= 0)
		read_io(dir, io->version, state);
	for (size_t i = 0; i < n_mounts && !state->command[0]; i++) {
		cleanup_close int any = open_group(mounts[i], state->name);

		if (any >= 0)
			read_command(any, state);
	}
}

static const struct group_state *find_name(const struct group_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

/* A group is in several hierarchies, but in none but version 2's where it needs no controller. */
static void take_group(const char *run, const char *name, void *context)
{
	struct reading *reading = context;
	struct group_state *state;

	if (reading->failed || (reading->run && strcmp(run, reading->run) != 0) ||
	    find_name(&reading->list, name))
		return;
	if (reading->list.n == reading->room) {
		size_t room = reading->room ? 2 * reading->room : 16;
		struct group_state *grown = reallocarray(reading->list.items, room, sizeof(*grown));

		if (!grown) {
			reading->failed = -ENOMEM;
			return;
		}
		reading->list.items = grown;
		reading->room = room;
	}
	state = &reading->list.items[reading->list.n++];
	*state = (struct group_state){0};
	for (size_t i = 0; i < GROUPS_FIGURES; i++)
		state->values[i] = GROUPS_NONE;
	(void)snprintf(state->run, sizeof(state->run), "%s", run);
	(void)snprintf(state->name, sizeof(state->name), "%s", name);
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(((const struct group_state *)a)->name,
			  ((const struct group_state *)b)->name);
}

int groups_read(const struct cgroup_layout *layout, const char *run, struct group_list *ret,
		struct tare_err *err)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	struct reading reading = {.run = run};
	size_t n = cgroup_layout_mounts(layout, mounts);
	int r = n ? 0 : err_set(err, ENOTSUP, "no cgroup hierarchy is mounted here");

	for (size_t i = 0; i < n && r == 0; i++)
		r = journal_each_group(mounts[i]->mount, take_group, &reading, err);
	if (r == 0 && reading.failed)
		r = err_set(err, ENOMEM, "out of memory");
	if (r < 0) {
		groups_free(&reading.list);
		return r;
	}
	for (size_t i = 0; i < reading.list.n; i++)
		read_group(layout, mounts, n, &reading.list.items[i]);
	if (reading.list.n)
		qsort(reading.list.items, reading.list.n, sizeof(*reading.list.items),
		      compare_names);
	*ret = reading.list;
	return 0;
}

void groups_free(struct group_list *list)
{
	free(list->items);
	*list = (struct group_list){0};
}

const struct group_state *groups_find(const struct group_list *list, const struct group_state *like)
{
	return find_name(list, like->name);
}

/* How much a counter has grown; NaN: not to be had, or the group is another by the same name. */
static double grown(const struct group_state *before, const struct group_state *now,
		    enum groups_figure figure)
{
	uint64_t a = before ? before->values[figure] : GROUPS_NONE, b = now->values[figure];

	return a == GROUPS_NONE || b == GROUPS_NONE || b < a ? NAN : (double)(b - a);
}

static json_t *level(const struct group_state *now, enum groups_figure figure)
{
	uint64_t value = now->values[figure];

	return value == GROUPS_NONE ? json_null() : json_u64(value);
}

json_t *group_use(const struct group_state *before, const struct group_state *now)
{
	double s = before ? (double)(now->at_ns - before->at_ns) / 1e9 : NAN;
	uint64_t quota = now->values[GROUPS_QUOTA_US], period = now->values[GROUPS_PERIOD_US];
	bool limited = quota != GROUPS_NONE && period != GROUPS_NONE && period > 0;

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "run", now->run,
		"group", now->name, "command", now->command, "cpus",
		json_number(grown(before, now, GROUPS_CPU_NS) / 1e9 / s), "cpus_limit",
		json_number(limited ? (double)quota / (double)period : NAN), "throttled_share",
		json_number(grown(before, now, GROUPS_THROTTLED) /
			    grown(before, now, GROUPS_PERIODS)),
		"memory", level(now, GROUPS_MEMORY), "memory_limit", level(now, GROUPS_MEMORY_MAX),
		"pids", level(now, GROUPS_PIDS), "pids_limit", level(now, GROUPS_PIDS_MAX),
		"read_bps", json_number(grown(before, now, GROUPS_READ) / s), "write_bps",
		json_number(grown(before, now, GROUPS_WRITTEN) / s));
}
