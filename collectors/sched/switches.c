/* SPDX-License-Identifier: MIT */
#include "sched/switches.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "common/skeleton.h"
#include "common/times_json.h"
#include "kernel/cgroup.h"
#include "sched.skel.h"

static struct {
	struct sched_bpf *bpf;
	int cpus;
} switches;

static void unload(void)
{
	sched_bpf__destroy(switches.bpf);
	switches.bpf = NULL;
}

static int load(struct tare_err *err)
{
	int r;

	skeleton_quiet();
	switches.cpus = libbpf_num_possible_cpus();
	if (switches.cpus < 0)
		return skeleton_error(err, switches.cpus, "count the CPUs");
	switches.bpf = sched_bpf__open_and_load();
	if (!switches.bpf)
		return skeleton_error(err, -errno, "load the BPF programs of the scheduler");
	r = sched_bpf__attach(switches.bpf);
	if (r < 0) {
		r = skeleton_error(err, r, "attach to the scheduler");
		unload();
	}
	return r;
}

static struct skeleton_shared shared = {.load = load, .unload = unload};

int switches_probe(struct tare_err *err)
{
	return skeleton_probe(&shared, err);
}

int switches_watch(const struct cgroup *cgroup, struct tare_err *err)
{
	cleanup_free struct sched_cell *cells = NULL;
	uint64_t id = cgroup_v2_id(cgroup);
	__u32 slot = 0;
	int r;

	if (id == 0)
		return err_set(err, ENOTSUP,
			       "no cgroup v2 is mounted here, by whose id tasks are filtered");
	r = skeleton_join(&shared, err);
	if (r < 0)
		return r;
	while (slot < SCHED_TARGETS && switches.bpf->bss->targets[slot] != 0)
		slot++;
	if (slot == SCHED_TARGETS) {
		skeleton_leave(&shared);
		return err_set(err, EBUSY, "%d groups are watched already", SCHED_TARGETS);
	}
	cells = calloc((size_t)switches.cpus, sizeof(*cells));
	if (!cells ||
	    bpf_map_update_elem(bpf_map__fd(switches.bpf->maps.cells), &slot, cells, BPF_ANY) < 0) {
		r = err_errno(err, "clear the BPF map of switches");
		skeleton_leave(&shared);
		return r;
	}
	__atomic_store_n(&switches.bpf->bss->targets[slot], id, __ATOMIC_RELEASE);
	if (switches.bpf->bss->n_targets <= slot)
		__atomic_store_n(&switches.bpf->bss->n_targets, slot + 1, __ATOMIC_RELEASE);
	return (int)slot;
}

void switches_unwatch(int slot)
{
	if (slot < 0)
		return;
	__atomic_store_n(&switches.bpf->bss->targets[slot], 0, __ATOMIC_RELEASE);
	skeleton_leave(&shared);
}

static void add_cell(struct sched_cell *sum, const struct sched_cell *cell)
{
	for (size_t i = 0; i < SCHED_CAUSES; i++)
		times_join(&sum->off[i], &cell->off[i]);
	times_join(&sum->queue, &cell->queue);
	sum->switches += cell->switches;
	sum->migrations += cell->migrations;
	sum->create_failed += cell->create_failed;
}

int switches_read(int slot, struct switches_view *ret, struct tare_err *err)
{
	cleanup_free struct sched_cell *cells = calloc((size_t)switches.cpus, sizeof(*cells));

	*ret = (struct switches_view){0};
	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(bpf_map__fd(switches.bpf->maps.cells), &slot, cells) < 0)
		return err_errno(err, "read the BPF map of switches");
	for (int cpu = 0; cpu < switches.cpus; cpu++)
		add_cell(&ret->sum, &cells[cpu]);
	return skeleton_misses(switches.bpf->obj, &ret->misses, err);
}
