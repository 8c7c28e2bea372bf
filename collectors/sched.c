/* SPDX-License-Identifier: MIT */
/* sched: why tasks of a cgroup were off their CPUs, and how long they waited for one, by eBPF. */

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "common/times_json.h"
#include "sched/switches.h"

static const char *const cause_names[SCHED_CAUSES] = {
	[SCHED_THROTTLED] = "throttled", [SCHED_MEMSTALL] = "memstall", [SCHED_IOWAIT] = "iowait",
	[SCHED_PREEMPTED] = "preempted", [SCHED_SLEEP] = "sleep",
};

struct sched {
	struct collector collector;
	const struct cgroup *cgroup;
	int slot;
	bool taken[2];
	struct switches_view views[2]; /* by enum collector_moment */
};

extern const struct collector_ops collector_ops_sched;

static int sched_probe(struct tare_err *err)
{
	return switches_probe(err) < 0 ? -ENOTSUP : 0;
}

static int sched_attach(const struct collector_target *target, struct collector **ret,
			struct tare_err *err)
{
	struct sched *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->collector.ops = &collector_ops_sched;
	s->cgroup = target->cgroup;
	s->slot = switches_watch(target->cgroup, err);
	if (s->slot < 0) {
		int r = s->slot;

		free(s);
		return r;
	}
	*ret = &s->collector;
	return 0;
}

static int sched_snapshot(struct collector *collector, enum collector_moment moment,
			  struct tare_err *err)
{
	struct sched *s = (struct sched *)collector;
	int r = switches_read(s->slot, &s->views[moment], err);

	s->taken[moment] = r == 0;
	return r;
}

/* Times off the CPU that have begun and not ended: what was open at the first snapshot and ended
 * since makes up for as much of it. */
static uint64_t count_in_flight(const struct sched_cell *begin, const struct sched_cell *end)
{
	uint64_t begun = end->switches - begin->switches;
	uint64_t ended = end->create_failed - begin->create_failed;

	for (size_t i = 0; i < SCHED_CAUSES; i++)
		ended += end->off[i].n - begin->off[i].n;
	return begun > ended ? begun - ended : 0;
}

static int sched_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	const struct sched *s = (const struct sched *)collector;
	const struct sched_cell *a = &s->views[COLLECTOR_BEGIN].sum;
	const struct sched_cell *b = &s->views[COLLECTOR_END].sum;
	json_t *off = json_object();
	char filter[64];

	if (!s->taken[COLLECTOR_BEGIN] || !s->taken[COLLECTOR_END]) {
		json_decref(off);
		return err_set(err, EINVAL, "read before its two snapshots");
	}
	for (size_t i = 0; i < SCHED_CAUSES; i++)
		(void)json_put(off, cause_names[i], times_to_json(&a->off[i], &b->off[i]));
	(void)snprintf(filter, sizeof(filter), "cgroup v2 id %llu",
		       (unsigned long long)cgroup_v2_id(s->cgroup));
	*ret = json_pack(
		"{s:o,s:o,s:o,s:o,s:s,s:{s:o,s:o,s:o}}", "off_cpu", off, "queue",
		times_to_json(&a->queue, &b->queue), "switches",
		json_u64(b->switches - a->switches), "migrations",
		json_u64(b->migrations - a->migrations), "filter", filter, "lost", "create_failed",
		json_u64(b->create_failed - a->create_failed), "recursion_misses",
		json_u64(s->views[COLLECTOR_END].misses - s->views[COLLECTOR_BEGIN].misses),
		"in_flight", json_u64(count_in_flight(a, b)));
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static void sched_detach(struct collector *collector)
{
	struct sched *s = (struct sched *)collector;

	if (!s)
		return;
	switches_unwatch(s->slot);
	free(s);
}

const struct collector_ops collector_ops_sched = {
	.name = "sched",
	.summary = "time off the CPU by cause, waits for one, switches, migrations, by eBPF",
	.traces = true,
	.probe = sched_probe,
	.attach = sched_attach,
	.snapshot = sched_snapshot,
	.read = sched_read,
	.detach = sched_detach,
};
