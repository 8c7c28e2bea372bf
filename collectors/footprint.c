/* SPDX-License-Identifier: MIT */
/* footprint: what all processes of a group weigh together when the trial has been played: memory as
 * the page tables have it, address space, threads, CPU time. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "collector.h"
#include "common/members.h"
#include "common/statfile.h"

/* Figures of /proc/PID/smaps_rollup (Documentation/filesystems/proc.rst), in KiB there. */
static const struct {
	const char *name, *key;
} pages[] = {
	{"pss", "Pss:"},
	{"rss", "Rss:"},
	{"private", "Private_Clean:"},
	{"private", "Private_Dirty:"},
	{"swap", "SwapPss:"},
};
#define N_PAGES (sizeof(pages) / sizeof(pages[0]))

struct footprint {
	struct collector collector;
	const struct cgroup *cgroup;
	uint64_t processes, threads, unreadable;
	uint64_t groups; /* that were not looked through */
	uint64_t pages[N_PAGES], virtual, user_ticks, system_ticks;
	bool taken;
};

extern const struct collector_ops collector_ops_footprint;

static int footprint_probe(struct tare_err *err)
{
	if (access("/proc/self/smaps_rollup", R_OK) == 0)
		return 0;
	return err_set(
		err, ENOTSUP,
		"the kernel has no /proc/PID/smaps_rollup: it needs CONFIG_PROC_PAGE_MONITOR");
}

static int footprint_attach(const struct collector_target *target, struct collector **ret,
			    struct tare_err *err)
{
	struct footprint *f;

	if (cgroup_v2_fd(target->cgroup) < 0)
		return err_set(err, ENOTSUP, "no cgroup v2 is mounted, which lists the processes");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(err, ENOMEM, "out of memory");
	f->collector.ops = &collector_ops_footprint;
	f->cgroup = target->cgroup;
	*ret = &f->collector;
	return 0;
}

static ssize_t read_of(const char *pid, const char *file, char *buf, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
	return fd_read_file_quiet(AT_FDCWD, path, buf, size);
}

/* The number that is field n of /proc/PID/stat, from 3 on: proc(5). */
static uint64_t stat_field(const char *text, int n)
{
	/* The name, field 2, may hold blanks and parentheses. */
	const char *at = strrchr(text, ')');

	for (int i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool add_process(const char *pid, void *context)
{
	struct footprint *f = context;
	char stat[1024], rollup[4096];
	uint64_t kib;
	ssize_t n = read_of(pid, "stat", stat, sizeof(stat));

	/* One that has just ended weighs nothing any more. */
	if (n <= 0) {
		f->unreadable += n != -ESRCH && n != -ENOENT;
		return true;
	}
	f->processes++;
	f->user_ticks += stat_field(stat, 14);
	f->system_ticks += stat_field(stat, 15);
	f->threads += stat_field(stat, 20);
	f->virtual += stat_field(stat, 23);
	if (read_of(pid, "smaps_rollup", rollup, sizeof(rollup)) <= 0) {
		f->unreadable++;
		return true;
	}
	for (size_t i = 0; i < N_PAGES; i++)
		if (statfile_find(rollup, pages[i].key, &kib))
			f->pages[i] += kib * 1024;
	return true;
}

/* At the end alone: looking through the page tables holds up whoever wants to change them. */
static int footprint_snapshot(struct collector *collector, enum collector_moment moment,
			      struct tare_err *err)
{
	struct footprint *f = (struct footprint *)collector;

	(void)err;
	if (moment != COLLECTOR_END)
		return 0;
	*f = (struct footprint){.collector = f->collector, .cgroup = f->cgroup, .taken = true};
	f->groups = members_each(cgroup_v2_fd(f->cgroup), add_process, f);
	return 0;
}

static uint64_t us_of(uint64_t ticks)
{
	return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static int footprint_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	const struct footprint *f = (const struct footprint *)collector;
	cleanup_json json_t *object = NULL;

	if (!f->taken)
		return err_set(err, EINVAL, "read before its last snapshot");
	object = json_pack("{s:o,s:o,s:o,s:o,s:o,s:{s:o,s:o}}", "processes", json_u64(f->processes),
			   "threads", json_u64(f->threads), "virtual", json_u64(f->virtual),
			   "user_us", json_u64(us_of(f->user_ticks)), "system_us",
			   json_u64(us_of(f->system_ticks)), "lost", "unreadable",
			   json_u64(f->unreadable), "groups", json_u64(f->groups));
	for (size_t i = 0; object && i < N_PAGES; i++)
		(void)json_put(object, pages[i].name,
			       json_u64(f->pages[i] + json_u64_or(object, pages[i].name, 0)));
	if (!object)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
}

static void footprint_detach(struct collector *collector)
{
	free(collector);
}

const struct collector_ops collector_ops_footprint = {
	.name = "footprint",
	.summary = "memory, address space, threads and CPU time of all processes at the end",
	.probe = footprint_probe,
	.attach = footprint_attach,
	.snapshot = footprint_snapshot,
	.read = footprint_read,
	.detach = footprint_detach,
};
