/* SPDX-License-Identifier: MIT */
#include "io/blocks.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "common/skeleton.h"
#include "common/times_json.h"
#include "io.skel.h"

static const char *const direction_names[BLOCKS_DIRECTIONS] = {
	[BLOCKS_READ] = "read", [BLOCKS_WRITE] = "write", [BLOCKS_OTHER] = "other"};
static const char *const figure_names[] = {"service", "held", "request_wait", "dirty_pauses"};

struct view {
	struct blocks_cell sum;
	struct times services[BLOCKS_SERVICES];
	struct blocks_held held[BLOCKS_DEVICES];
	uint64_t misses;
};

struct blocks {
	struct io_bpf *bpf;
	int cpus;
	bool holds, pauses;   /* these can be watched */
	struct view views[2]; /* by enum collector_moment */
};

static void blocks_close(void *trace)
{
	struct blocks *blocks = trace;

	if (!blocks)
		return;
	io_bpf__destroy(blocks->bpf);
	free(blocks);
}

/* How many arguments the tracepoint has; 0: there is none, or no BTF. */
static unsigned int count_arguments(const char *tracepoint)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	unsigned int n = 0;
	char name[64];
	int id;

	(void)snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) : -1;
	type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	type = type ? btf__type_by_id(btf, type->type) : NULL; /* a pointer */
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	if (type && btf_is_func_proto(type) && btf_vlen(type) > 0)
		n = (unsigned int)btf_vlen(type) - 1U; /* the first is the tracepoint's own */
	btf__free(btf);
	return n;
}

/* Have only those programs loaded that suit this kernel. */
static int choose(struct blocks *blocks)
{
	unsigned int n = count_arguments("balance_dirty_pages");
	int r = bpf_program__set_autoload(blocks->bpf->progs.on_pause_of_12, n == 12);

	if (r == 0)
		r = bpf_program__set_autoload(blocks->bpf->progs.on_pause_of_8, n == 8);
	if (r == 0)
		r = bpf_program__set_autoload(blocks->bpf->progs.on_timer, blocks->holds);
	blocks->pauses = n == 12 || n == 8;
	if (r == 0)
		r = bpf_program__set_autoload(blocks->bpf->progs.on_switch, blocks->pauses);
	return r;
}

static int load(struct blocks *blocks, uint64_t io_group, uint64_t group, struct tare_err *err)
{
	int r;

	skeleton_quiet();
	blocks->cpus = libbpf_num_possible_cpus();
	if (blocks->cpus < 0)
		return skeleton_error(err, blocks->cpus, "count the CPUs");
	blocks->bpf = io_bpf__open();
	if (!blocks->bpf)
		return skeleton_error(err, -errno, "open the BPF programs of disks");
	blocks->bpf->rodata->io_group = io_group;
	blocks->bpf->rodata->group = group;
	r = choose(blocks);
	if (r == 0)
		r = io_bpf__load(blocks->bpf);
	if (r < 0)
		return skeleton_error(err, r, "load the BPF programs of disks");
	r = io_bpf__attach(blocks->bpf);
	return r < 0 ? skeleton_error(err, r, "attach to requests to disks") : 0;
}

/* Does the kernel have limits that hold requests back? Each group has their files then. */
static bool has_limits(const struct cgroup *group)
{
	int version = 0, fd;

	if (!group)
		return true;
	fd = cgroup_controller_fd(group, CGROUP_IO, &version);
	return fd >= 0 && faccessat(fd, version == 1 ? "blkio.throttle.write_bps_device" : "io.max",
				    F_OK, 0) == 0;
}

static int name_missing(const struct blocks *blocks, const char *why, json_t *unsupported)
{
	int r = 0;

	for (size_t i = 0; why && i < sizeof(figure_names) / sizeof(figure_names[0]); i++)
		r |= json_put(unsupported, figure_names[i], json_string(why));
	if (!why && !blocks->holds)
		r |= json_put(unsupported, "held",
			      json_string("the kernel has no limits that hold requests back "
					  "(CONFIG_BLK_DEV_THROTTLING)"));
	if (!why && !blocks->pauses)
		r |= json_put(unsupported, "dirty_pauses",
			      json_string("the kernel's tracepoint balance_dirty_pages is none of "
					  "those that are known"));
	return r;
}

static int blocks_open(const struct cgroup *group, json_t *unsupported, void **ret,
		       struct tare_err *err)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));
	struct tare_err why = {0};
	uint64_t id = 0;
	int r = 0;

	*ret = NULL;
	if (!blocks)
		return err_set(err, ENOMEM, "out of memory");
	blocks->holds = has_limits(group);
	if (group && cgroup_v2_id(group) == 0)
		r = err_set(&why, ENOTSUP,
			    "no cgroup v2 is mounted here, by whose id tasks are told");
	if (r == 0 && group)
		r = trace_group_id(group, CGROUP_IO, &id, &why);
	if (r == 0)
		r = load(blocks, id, group ? cgroup_v2_id(group) : 0, &why);
	if (name_missing(blocks, r < 0 ? why.msg : NULL, unsupported) < 0) {
		blocks_close(blocks);
		return err_set(err, ENOMEM, "out of memory");
	}
	if (r < 0)
		blocks_close(blocks);
	else
		*ret = blocks;
	return 0;
}

static void add_cell(struct blocks_cell *sum, const struct blocks_cell *cell)
{
	times_join(&sum->request_wait, &cell->request_wait);
	times_join(&sum->dirty_pauses, &cell->dirty_pauses);
	sum->begun += cell->begun;
	sum->ended += cell->ended;
	sum->create_failed += cell->create_failed;
	sum->devices += cell->devices;
}

static int read_services(const struct blocks *blocks, struct times *ret, struct tare_err *err)
{
	cleanup_free struct times *of_cpus = calloc((size_t)blocks->cpus, sizeof(*of_cpus));

	if (!of_cpus)
		return err_set(err, ENOMEM, "out of memory");
	for (__u32 i = 0; i < BLOCKS_SERVICES; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(blocks->bpf->maps.services), &i, of_cpus) < 0)
			return err_errno(err, "read the BPF map of disks");
		for (int cpu = 0; cpu < blocks->cpus; cpu++)
			times_join(&ret[i], &of_cpus[cpu]);
	}
	return 0;
}

/* What is still held back counts up to now. */
static void look_at_held(const struct blocks *blocks, struct blocks_held *ret)
{
	uint64_t now = clock_now_ns();

	memcpy(ret, blocks->bpf->bss->held, sizeof(blocks->bpf->bss->held));
	for (size_t i = 0; i < BLOCKS_DEVICES; i++) {
		if (ret[i].since_ns == 0)
			continue;
		ret[i].n++;
		ret[i].sum_ns += now > ret[i].since_ns ? now - ret[i].since_ns : 0;
	}
}

static int blocks_snapshot(void *trace, enum collector_moment moment, struct tare_err *err)
{
	struct blocks *blocks = trace;
	struct view *view = &blocks->views[moment];
	cleanup_free struct blocks_cell *cells = calloc((size_t)blocks->cpus, sizeof(*cells));
	__u32 zero = 0;
	int r;

	memset(view, 0, sizeof(*view));
	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(bpf_map__fd(blocks->bpf->maps.cells), &zero, cells) < 0)
		return err_errno(err, "read the BPF map of requests");
	for (int cpu = 0; cpu < blocks->cpus; cpu++)
		add_cell(&view->sum, &cells[cpu]);
	r = read_services(blocks, view->services, err);
	if (r < 0)
		return r;
	look_at_held(blocks, view->held);
	return skeleton_misses(blocks->bpf->obj, &view->misses, err);
}

__u64 blocks_held_us(const void *trace)
{
	const struct blocks *blocks = trace;
	struct blocks_held now[BLOCKS_DEVICES];
	uint64_t ns = 0;

	look_at_held(blocks, now);
	for (size_t i = 0; i < BLOCKS_DEVICES; i++)
		ns += now[i].sum_ns - blocks->views[COLLECTOR_BEGIN].held[i].sum_ns;
	return ns / NS_PER_US;
}

static int put_device(const struct blocks *blocks, size_t place, json_t *devices)
{
	const struct view *a = &blocks->views[COLLECTOR_BEGIN], *b = &blocks->views[COLLECTOR_END];
	uint32_t number = blocks->bpf->bss->devices[place];
	json_t *service = json_object(), *device;
	char name[32];
	int r = 0;

	(void)snprintf(name, sizeof(name), "%u:%u", number >> 20, number & 0xfffff);
	for (size_t i = 0; i < BLOCKS_DIRECTIONS; i++) {
		size_t at = place * BLOCKS_DIRECTIONS + i;

		if (b->services[at].n > a->services[at].n)
			r |= json_put(service, direction_names[i],
				      times_to_json(&a->services[at], &b->services[at]));
	}
	device = json_object_get(devices, name);
	if (!device) {
		device = json_object();
		r |= json_put(devices, name, device);
	}
	r |= json_put(device, "service", service);
	if (blocks->holds)
		r |= json_put(device, "held",
			      json_pack("{s:o,s:o}", "n",
					json_u64(b->held[place].n - a->held[place].n), "sum_ns",
					json_u64(b->held[place].sum_ns - a->held[place].sum_ns)));
	return r;
}

static int put_lost(const struct blocks *blocks, json_t *lost)
{
	const struct view *a = &blocks->views[COLLECTOR_BEGIN], *b = &blocks->views[COLLECTOR_END];

	return json_put(lost, "create_failed",
			json_u64(b->sum.create_failed - a->sum.create_failed)) |
	       json_put(lost, "recursion_misses", json_u64(b->misses - a->misses)) |
	       json_put(lost, "in_flight",
			json_u64(b->sum.begun - b->sum.ended +
				 __atomic_load_n(&blocks->bpf->bss->n_paused, __ATOMIC_RELAXED))) |
	       json_put(lost, "untraced", json_u64(b->sum.devices - a->sum.devices));
}

static int blocks_read(void *trace, json_t *object, json_t *lost, struct tare_err *err)
{
	const struct blocks *blocks = trace;
	const struct view *a = &blocks->views[COLLECTOR_BEGIN], *b = &blocks->views[COLLECTOR_END];
	json_t *devices = json_object_get(object, "devices");
	int r = put_lost(blocks, lost);

	if (!devices) {
		devices = json_object();
		r |= json_put(object, "devices", devices);
	}
	for (size_t place = 0; place < BLOCKS_DEVICES; place++)
		if (blocks->bpf->bss->devices[place] != 0)
			r |= put_device(blocks, place, devices);
	r |= json_put(object, "request_wait",
		      times_to_json(&a->sum.request_wait, &b->sum.request_wait));
	if (blocks->pauses)
		r |= json_put(object, "dirty_pauses",
			      times_to_json(&a->sum.dirty_pauses, &b->sum.dirty_pauses));
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

const struct trace_ops blocks_trace = {
	.open = blocks_open,
	.snapshot = blocks_snapshot,
	.read = blocks_read,
	.close = blocks_close,
};
