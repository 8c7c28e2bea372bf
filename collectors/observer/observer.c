/* SPDX-License-Identifier: MIT */
#include "observer/observer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "common/skeleton.h"
#include "kernel/cgroup.h"
#include "syscalls.skel.h"

/* Memory of the cells on all CPUs together: a per-CPU map is had for each possible CPU. */
#define CELLS_BYTES (64UL << 20)
#define CELLS_MIN   128U
#define BTF         "/sys/kernel/btf/vmlinux"

static struct {
	struct syscalls_bpf *bpf;
	int cpus;
} observer;

static int observer_load(struct tare_err *err)
{
	struct syscalls_bpf *bpf;
	unsigned long n;
	struct stat btf;
	int r;

	/* Without it libbpf only says that it cannot load. */
	if (stat(BTF, &btf) < 0 || btf.st_size == 0)
		return err_set(err, ENOTSUP,
			       "the kernel has no BTF (" BTF
			       "): it needs CONFIG_DEBUG_INFO_BTF, as Debian's kernels have it");
	skeleton_quiet();
	observer.cpus = libbpf_num_possible_cpus();
	if (observer.cpus < 0)
		return skeleton_error(err, observer.cpus, "count the CPUs");
	bpf = syscalls_bpf__open();
	if (!bpf)
		return skeleton_error(err, -errno, "open the BPF programs");

	n = CELLS_BYTES / (sizeof(struct syscalls_cell) * (unsigned long)observer.cpus);
	n = n < CELLS_MIN ? CELLS_MIN : n > SYSCALLS_CELLS ? SYSCALLS_CELLS : n;
	bpf->bss->n_cells = (__u32)n;
	for (__u64 ns = 0; ns < SYSCALLS_SHORT; ns++)
		bpf->rodata->bucket_of[ns] = (__u8)loglin_bucket(ns);
	r = bpf_map__set_max_entries(bpf->maps.cells, (__u32)n);
	if (r == 0)
		r = bpf_map__set_max_entries(bpf->maps.enters, (__u32)n);
	if (r == 0)
		r = syscalls_bpf__load(bpf);
	if (r < 0)
		r = skeleton_error(err, r, "load the BPF programs");
	else if ((r = syscalls_bpf__attach(bpf)) < 0)
		r = skeleton_error(err, r, "attach the BPF programs");
	if (r < 0) {
		syscalls_bpf__destroy(bpf);
		return r;
	}
	observer.bpf = bpf;
	return 0;
}

static void observer_unload(void)
{
	syscalls_bpf__destroy(observer.bpf);
	observer.bpf = NULL;
}

static struct skeleton_shared shared = {.load = observer_load, .unload = observer_unload};

int observer_probe(struct tare_err *err)
{
	return skeleton_probe(&shared, err);
}

int observer_watch(const struct cgroup *cgroup, unsigned int every, struct tare_err *err)
{
	uint64_t id = cgroup_v2_id(cgroup);
	int slot = 0, r;

	if (id == 0)
		return err_set(
			err, ENOTSUP,
			"no cgroup v2 is mounted here, by whose id system calls are filtered");
	r = skeleton_join(&shared, err);
	if (r < 0)
		return r;

	while (slot < SYSCALLS_TARGETS && observer.bpf->bss->targets[slot] != 0)
		slot++;
	if (slot == SYSCALLS_TARGETS) {
		skeleton_leave(&shared);
		return err_set(err, EBUSY, "%d groups are watched already", SYSCALLS_TARGETS);
	}
	/* Cells of an earlier owner are not given out again: a late call of his may still end. */
	memset(observer.bpf->bss->cell_of[slot], 0, sizeof(observer.bpf->bss->cell_of[slot]));
	memset(&observer.bpf->bss->losses[slot], 0, sizeof(observer.bpf->bss->losses[slot]));
	observer.bpf->bss->masks[slot] = every - 1;
	__atomic_store_n(&observer.bpf->bss->targets[slot], id, __ATOMIC_RELEASE);
	if (observer.bpf->bss->n_targets <= (__u32)slot)
		__atomic_store_n(&observer.bpf->bss->n_targets, (__u32)slot + 1, __ATOMIC_RELEASE);
	return slot;
}

void observer_unwatch(int slot)
{
	if (slot < 0)
		return;
	__atomic_store_n(&observer.bpf->bss->targets[slot], 0, __ATOMIC_RELEASE);
	skeleton_leave(&shared);
}

static void add_cell(struct observer_row *row, const struct syscalls_cell *cell)
{
	uint64_t named = 0;

	row->sum_ns += cell->sum_ns;
	row->errors += cell->errors;
	if (cell->max_ns > row->max_ns)
		row->max_ns = cell->max_ns;
	for (size_t i = 0; i < LOGLIN_BUCKETS; i++) {
		row->buckets[i] += cell->buckets[i];
		row->exits += cell->buckets[i];
	}
	for (size_t i = 0; i < SYSCALLS_ERRNOS; i++) {
		uint64_t code = cell->errnos[i].code;

		if (code == 0 || code >= sizeof(row->errnos) / sizeof(row->errnos[0]))
			continue;
		row->errnos[code] += cell->errnos[i].count;
		named += cell->errnos[i].count;
	}
	row->errnos[0] += cell->errors - named;
}

static int read_row(__u32 index, void *buf, struct observer_row **ret, struct tare_err *err)
{
	cleanup_free struct observer_row *row = calloc(1, sizeof(*row));
	const struct syscalls_cell *cells = buf;
	const struct syscalls_enters *counts = buf;
	int r;

	if (!row)
		return err_set(err, ENOMEM, "out of memory");
	r = bpf_map_lookup_elem(bpf_map__fd(observer.bpf->maps.enters), &index, buf);
	if (r < 0)
		return err_errno(err, "read the BPF map of calls");
	for (int cpu = 0; cpu < observer.cpus; cpu++)
		row->enters += counts[cpu].n;
	r = bpf_map_lookup_elem(bpf_map__fd(observer.bpf->maps.cells), &index, buf);
	if (r < 0)
		return err_errno(err, "read the BPF map of latencies");
	for (int cpu = 0; cpu < observer.cpus; cpu++)
		add_cell(row, &cells[cpu]);
	*ret = take_pointer(row);
	return 0;
}

/* Those of tasks with storage of their own are not seen, which are the fewest. */
static uint64_t count_in_flight(int slot)
{
	const struct syscalls_start *starts = observer.bpf->bss->starts;
	uint64_t n = 0;

	for (size_t i = 0; i < SYSCALLS_STARTS; i++)
		n += starts[i].state != SYSCALLS_IDLE && starts[i].target == slot;
	return n;
}

int observer_read(int slot, struct observer_view *ret, struct tare_err *err)
{
	cleanup_free void *buf = calloc((size_t)observer.cpus, sizeof(struct syscalls_cell));
	int r = 0;

	*ret = (struct observer_view){0};
	if (!buf)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < SYSCALLS_ROWS; i++) {
		__u32 index = observer.bpf->bss->cell_of[slot][i];

		if (index != 0)
			r = read_row(index, buf, &ret->rows[i], err);
	}
	ret->losses = observer.bpf->bss->losses[slot];
	ret->in_flight = count_in_flight(slot);
	return r < 0 ? r : skeleton_misses(observer.bpf->obj, &ret->misses, err);
}

void observer_view_clear(struct observer_view *view)
{
	for (size_t i = 0; i < SYSCALLS_ROWS; i++)
		free(view->rows[i]);
	*view = (struct observer_view){0};
}
