/* SPDX-License-Identifier: MIT */
#include "memory/stalls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "common/skeleton.h"
#include "common/times_json.h"
#include "memory.skel.h"

static const char *const kind_names[STALL_KINDS] = {
	[STALL_GROUP_RECLAIM] = "reclaim",
	[STALL_DIRECT_RECLAIM] = "direct_reclaim",
	[STALL_HIGH] = "high",
};

struct view {
	struct stalls_cell sum;
	uint64_t n_victims, misses;
};

struct stalls {
	struct memory_bpf *bpf;
	int cpus;
	bool high; /* memory.high can be watched */
	uint64_t begin_ns;
	struct view views[2]; /* by enum collector_moment */
};

static void stalls_close(void *trace)
{
	struct stalls *stalls = trace;

	if (!stalls)
		return;
	memory_bpf__destroy(stalls->bpf);
	free(stalls);
}

/* Why memory.high cannot be watched in the group, or NULL. */
static const char *why_not_high(const struct cgroup *group)
{
	struct cgroup_layout layout;
	int version = 0;

	if (group)
		(void)cgroup_controller_fd(group, CGROUP_MEMORY, &version);
	else if (cgroup_layout_read(&layout, NULL) == 0)
		version = layout.controllers[CGROUP_MEMORY].version;
	if (version != 2)
		return version == 1 ? "memory.high is of cgroup v2, and 'memory' is of v1 here"
				    : "the group has no controller 'memory'";
	/* It tells who waits for memory. */
	if (access("/proc/pressure/memory", R_OK) < 0)
		return "the kernel keeps no pressure, which marks who waits: boot it with psi=1";
	return NULL;
}

static int load(struct stalls *stalls, uint64_t group, struct tare_err *err)
{
	int r;

	skeleton_quiet();
	stalls->cpus = libbpf_num_possible_cpus();
	if (stalls->cpus < 0)
		return skeleton_error(err, stalls->cpus, "count the CPUs");
	stalls->bpf = memory_bpf__open();
	if (!stalls->bpf)
		return skeleton_error(err, -errno, "open the BPF programs of memory");
	stalls->bpf->rodata->group = group;
	r = bpf_program__set_autoload(stalls->bpf->progs.on_switch, stalls->high);
	if (r == 0)
		r = memory_bpf__load(stalls->bpf);
	if (r < 0)
		return skeleton_error(err, r, "load the BPF programs of memory");
	r = memory_bpf__attach(stalls->bpf);
	return r < 0 ? skeleton_error(err, r, "attach to reclaim") : 0;
}

static int name_missing(json_t *unsupported, const char *why, enum stall_kind first, bool victims)
{
	char name[32];

	for (enum stall_kind kind = first; kind < STALL_KINDS; kind++) {
		(void)snprintf(name, sizeof(name), "stalls.%s", kind_names[kind]);
		if (json_put(unsupported, name, json_string(why)) < 0)
			return -ENOMEM;
	}
	return victims ? json_put(unsupported, "victims", json_string(why)) : 0;
}

static int stalls_open(const struct cgroup *group, json_t *unsupported, void **ret,
		       struct tare_err *err)
{
	struct stalls *stalls = calloc(1, sizeof(*stalls));
	const char *why_high = why_not_high(group);
	struct tare_err why = {0};
	int r = 0;

	*ret = NULL;
	if (!stalls)
		return err_set(err, ENOMEM, "out of memory");
	stalls->high = !why_high;
	if (group && cgroup_v2_id(group) == 0)
		r = err_set(&why, ENOTSUP,
			    "no cgroup v2 is mounted here, by whose id tasks are told");
	if (r == 0)
		r = load(stalls, group ? cgroup_v2_id(group) : 0, &why);
	if (r == 0) {
		r = why_high ? name_missing(unsupported, why_high, STALL_HIGH, false) : 0;
		*ret = stalls;
	} else {
		stalls_close(stalls);
		r = name_missing(unsupported, why.msg, STALL_GROUP_RECLAIM, true);
	}
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void add_cell(struct stalls_cell *sum, const struct stalls_cell *cell)
{
	for (size_t i = 0; i < STALL_KINDS; i++) {
		times_join(&sum->times[i], &cell->times[i]);
		sum->begun[i] += cell->begun[i];
	}
	sum->reclaimed += cell->reclaimed;
	sum->create_failed += cell->create_failed;
}

static int stalls_snapshot(void *trace, enum collector_moment moment, struct tare_err *err)
{
	struct stalls *stalls = trace;
	struct view *view = &stalls->views[moment];
	cleanup_free struct stalls_cell *cells = calloc((size_t)stalls->cpus, sizeof(*cells));
	__u32 zero = 0;

	*view = (struct view){0};
	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(bpf_map__fd(stalls->bpf->maps.cells), &zero, cells) < 0)
		return err_errno(err, "read the BPF map of stalls");
	for (int cpu = 0; cpu < stalls->cpus; cpu++)
		add_cell(&view->sum, &cells[cpu]);
	view->n_victims = __atomic_load_n(&stalls->bpf->bss->n_victims, __ATOMIC_ACQUIRE);
	if (moment == COLLECTOR_BEGIN)
		stalls->begin_ns = clock_now_ns();
	return skeleton_misses(stalls->bpf->obj, &view->misses, err);
}

static json_t *victims_to_json(const struct stalls *stalls)
{
	uint64_t first = stalls->views[COLLECTOR_BEGIN].n_victims;
	uint64_t end = stalls->views[COLLECTOR_END].n_victims;
	json_t *list = json_array();

	for (uint64_t i = first; i < end && i < STALLS_VICTIMS; i++) {
		const struct stalls_victim *v = &stalls->bpf->bss->victims[i];
		char comm[sizeof(v->comm) + 1];

		/* A task names itself, in whatever bytes. */
		(void)snprintf(comm, sizeof(comm), "%.16s", v->comm);
		for (char *c = comm; *c; c++)
			if (*c < ' ' || *c >= 0x7f)
				*c = '?';
		(void)json_array_append_new(
			list,
			json_pack("{s:o,s:o,s:o}", "t_ns",
				  json_u64(v->t_ns > stalls->begin_ns ? v->t_ns - stalls->begin_ns
								      : 0),
				  "pid", json_u64(v->pid), "comm", json_string(comm)));
	}
	return list;
}

/* What has begun and not ended, as of the last look. */
static uint64_t count_in_flight(const struct stalls *stalls)
{
	const struct stalls_cell *c = &stalls->views[COLLECTOR_END].sum;
	uint64_t n = 0;

	for (size_t i = 0; i < STALL_KINDS; i++)
		n += c->begun[i] - c->times[i].n;
	return n;
}

static int put_lost(const struct stalls *stalls, json_t *lost)
{
	const struct view *a = &stalls->views[COLLECTOR_BEGIN], *b = &stalls->views[COLLECTOR_END];
	uint64_t n = b->n_victims - a->n_victims, kept;

	kept = a->n_victims >= STALLS_VICTIMS ? 0 : STALLS_VICTIMS - a->n_victims;
	return json_put(lost, "create_failed",
			json_u64(b->sum.create_failed - a->sum.create_failed)) |
	       json_put(lost, "recursion_misses", json_u64(b->misses - a->misses)) |
	       json_put(lost, "in_flight", json_u64(count_in_flight(stalls))) |
	       json_put(lost, "victims", json_u64(n > kept ? n - kept : 0));
}

static int stalls_read(void *trace, json_t *object, json_t *lost, struct tare_err *err)
{
	const struct stalls *stalls = trace;
	const struct stalls_cell *a = &stalls->views[COLLECTOR_BEGIN].sum;
	const struct stalls_cell *b = &stalls->views[COLLECTOR_END].sum;
	json_t *kinds = json_object();
	int r = 0;

	for (size_t i = 0; i < STALL_KINDS; i++)
		if (i != STALL_HIGH || stalls->high)
			r |= json_put(kinds, kind_names[i],
				      times_to_json(&a->times[i], &b->times[i]));
	r |= json_put(object, "stalls", kinds);
	r |= json_put(object, "reclaimed_bytes",
		      json_u64((b->reclaimed - a->reclaimed) * (uint64_t)sysconf(_SC_PAGESIZE)));
	r |= json_put(object, "victims", victims_to_json(stalls));
	return r < 0 || put_lost(stalls, lost) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

const struct trace_ops stalls_trace = {
	.open = stalls_open,
	.snapshot = stalls_snapshot,
	.read = stalls_read,
	.close = stalls_close,
};
