/* SPDX-License-Identifier: MIT */
/* syscalls: counts, errors and latencies of the system calls of a cgroup, by eBPF. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "common/names.h"
#include "common/quiet.h"
#include "observer/observer.h"

#define QUIET_MS      50
/* Of these the clocks are a small part of the cost that remains. */
#define SAMPLED_EVERY 16

struct syscalls {
	struct collector collector;
	const struct cgroup *cgroup;
	int slot;
	unsigned int every; /* one call of so many is timed */
	double bias_ns;     /* 0: unknown */
	bool quiet[2], taken[2];
	struct observer_view views[2]; /* by enum collector_moment */
};

static int syscalls_probe(struct tare_err *err)
{
	return observer_probe(err) < 0 ? -ENOTSUP : 0;
}

extern const struct collector_ops collector_ops_syscalls;

static int read_precision(const char *argument, unsigned int *ret_every, struct tare_err *err)
{
	*ret_every = 1;
	if (!argument || strcmp(argument, "exact") == 0)
		return 0;
	*ret_every = SAMPLED_EVERY;
	if (strcmp(argument, "sampled") == 0)
		return 0;
	return err_set(err, EINVAL, "'%.40s' is no precision: it is 'exact' or 'sampled'",
		       argument);
}

static int syscalls_check(const char *argument, struct tare_err *err)
{
	unsigned int every;

	return read_precision(argument, &every, err);
}

static int syscalls_attach(const struct collector_target *target, struct collector **ret,
			   struct tare_err *err)
{
	struct syscalls *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->collector.ops = &collector_ops_syscalls;
	s->cgroup = target->cgroup;
	s->slot = read_precision(target->argument, &s->every, err);
	if (s->slot == 0)
		s->slot = observer_watch(target->cgroup, s->every, err);
	if (s->slot < 0) {
		int r = s->slot;

		free(s);
		return r;
	}
	(void)observer_bias(s->slot, target->cgroup, &s->bias_ns);
	*ret = &s->collector;
	return 0;
}

static int syscalls_snapshot(struct collector *collector, enum collector_moment moment,
			     struct tare_err *err)
{
	struct syscalls *s = (struct syscalls *)collector;
	int r;

	s->quiet[moment] = quiet_wait(s->cgroup, QUIET_MS);
	observer_view_clear(&s->views[moment]);
	r = observer_read(s->slot, &s->views[moment], err);
	s->taken[moment] = r == 0;
	return r;
}

/* What was added between the two. */
static void row_subtract(struct observer_row *row, const struct observer_row *begin)
{
	if (!begin)
		return;
	row->enters -= begin->enters;
	row->exits -= begin->exits;
	row->sum_ns -= begin->sum_ns;
	row->errors -= begin->errors;
	for (size_t i = 0; i < sizeof(row->errnos) / sizeof(row->errnos[0]); i++)
		row->errnos[i] -= begin->errnos[i];
	for (size_t i = 0; i < LOGLIN_BUCKETS; i++)
		row->buckets[i] -= begin->buckets[i];
}

/* The kernel side keeps the longest call ever; one from before the first snapshot must not
 * show up, so that it is cut to the highest bucket that was added to. */
static uint64_t row_max_ns(const struct observer_row *row)
{
	for (unsigned int i = LOGLIN_BUCKETS; i > 0; i--) {
		uint64_t end = loglin_lower(i) - 1;

		if (row->buckets[i - 1] > 0)
			return i < LOGLIN_BUCKETS && row->max_ns > end ? end : row->max_ns;
	}
	return 0;
}

static json_t *buckets_to_json(const struct observer_row *row)
{
	json_t *list = json_array();

	for (size_t i = 0; i < LOGLIN_BUCKETS; i++)
		if (row->buckets[i] > 0)
			(void)json_array_append_new(
				list, json_pack("[i,o]", (int)i, json_u64(row->buckets[i])));
	return list;
}

static json_t *errnos_to_json(const struct observer_row *row)
{
	json_t *object = json_object();
	char name[NAMES_SIZE];

	for (unsigned int i = 1; i < sizeof(row->errnos) / sizeof(row->errnos[0]); i++)
		if (row->errnos[i] > 0)
			(void)json_put(object, names_errno(i, name, sizeof(name)),
				       json_u64(row->errnos[i]));
	if (row->errnos[0] > 0)
		(void)json_put(object, "other", json_u64(row->errnos[0]));
	return object;
}

static json_t *row_to_json(const struct observer_row *row)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "count", json_u64(row->enters), "timed",
			 json_u64(row->exits), "errors", json_u64(row->errors), "errno",
			 errnos_to_json(row), "sum_ns", json_u64(row->sum_ns), "max_ns",
			 json_u64(row_max_ns(row)), "buckets", buckets_to_json(row));
}

static uint64_t row_enters(const struct observer_view *view, unsigned int row)
{
	return view->rows[row] ? view->rows[row]->enters : 0;
}

static json_t *lost_to_json(const struct observer_view *begin, const struct observer_view *end)
{
	const struct syscalls_losses *a = &begin->losses, *b = &end->losses;
	uint64_t in_flight =
		end->in_flight > begin->in_flight ? end->in_flight - begin->in_flight : 0;
	uint64_t other = row_enters(end, SYSCALLS_OTHER) + b->no_cell - a->no_cell;

	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "create_failed",
			 json_u64(b->create_failed - a->create_failed), "exit_without_enter",
			 json_u64(b->exit_without_enter - a->exit_without_enter),
			 "recursion_misses", json_u64(end->misses - begin->misses), "in_flight",
			 json_u64(in_flight), "other", json_u64(other), "compat",
			 json_u64(row_enters(end, SYSCALLS_COMPAT)));
}

/* The second view becomes the difference of the two. */
static json_t *calls_to_json(const struct observer_view *begin, struct observer_view *end)
{
	json_t *calls = json_object();
	char name[NAMES_SIZE];

	for (unsigned int i = 0; i < SYSCALLS_ROWS; i++) {
		struct observer_row *row = end->rows[i];

		if (!row)
			continue;
		row_subtract(row, begin->rows[i]);
		if (row->enters == 0 && row->exits == 0)
			continue;
		if (i < SYSCALLS_NUMBERS)
			(void)json_put(calls, names_syscall(i, name, sizeof(name)),
				       row_to_json(row));
	}
	return calls;
}

static int syscalls_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct syscalls *s = (struct syscalls *)collector;
	cleanup_json json_t *object = NULL;
	struct observer_view *end = &s->views[COLLECTOR_END];
	char filter[64];
	json_t *calls;

	if (!s->taken[COLLECTOR_BEGIN] || !s->taken[COLLECTOR_END])
		return err_set(err, EINVAL, "read before its two snapshots");
	s->taken[COLLECTOR_END] = false; /* it is changed below: one read for each snapshot */
	(void)snprintf(filter, sizeof(filter), "cgroup v2 id %llu",
		       (unsigned long long)cgroup_v2_id(s->cgroup));
	calls = calls_to_json(&s->views[COLLECTOR_BEGIN], end);
	object = json_pack("{s:o,s:s,s:s,s:i,s:b,s:o}", "calls", calls, "filter", filter,
			   "precision", s->every > 1 ? "sampled" : "exact", "sample_every",
			   (int)s->every, "quiet",
			   s->quiet[COLLECTOR_BEGIN] && s->quiet[COLLECTOR_END], "lost",
			   lost_to_json(&s->views[COLLECTOR_BEGIN], end));
	if (!object ||
	    json_put(object, "bias_ns", s->bias_ns > 0 ? json_number(s->bias_ns) : json_null()) < 0)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
}

static void syscalls_detach(struct collector *collector)
{
	struct syscalls *s = (struct syscalls *)collector;

	if (!s)
		return;
	observer_unwatch(s->slot);
	observer_view_clear(&s->views[COLLECTOR_BEGIN]);
	observer_view_clear(&s->views[COLLECTOR_END]);
	free(s);
}

const struct collector_ops collector_ops_syscalls = {
	.name = "syscalls",
	.summary = "counts, errors and latencies of system calls, by eBPF",
	.traces = true,
	.probe = syscalls_probe,
	.check = syscalls_check,
	.attach = syscalls_attach,
	.snapshot = syscalls_snapshot,
	.read = syscalls_read,
	.detach = syscalls_detach,
};
