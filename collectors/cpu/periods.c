/* SPDX-License-Identifier: MIT */
#include "cpu/periods.h"

#include <bpf/libbpf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "common/series.h"
#include "common/skeleton.h"
#include "common/statfile.h"
#include "cpu.skel.h"

static const char *const column_names[] = {"nr_periods", "nr_throttled", "throttled_us",
					   "burst_us"};
#define COLUMNS (sizeof(column_names) / sizeof(column_names[0]))

struct periods {
	struct cpu_bpf *bpf;
	struct ring_buffer *ring;
	struct series series;
	int stat_fd; /* the group's cpu.stat */
	uint64_t begin_ns;
	struct cpu_period before; /* the group's account then */
	uint64_t misses[2];       /* by enum collector_moment */
	bool no_memory;
};

/* A period that ended: of the ring's. */
static int take_period(void *context, void *data, size_t size)
{
	const struct cpu_period *p = data;
	struct periods *periods = context;
	uint64_t row[COLUMNS];

	if (size < sizeof(*p))
		return 0;
	if (periods->begin_ns == 0 || p->nr_periods <= periods->before.nr_periods)
		return 0;
	row[0] = p->nr_periods - periods->before.nr_periods;
	row[1] = p->nr_throttled - periods->before.nr_throttled;
	row[2] = (p->throttled_ns - periods->before.throttled_ns) / NS_PER_US;
	row[3] = (p->burst_ns - periods->before.burst_ns) / NS_PER_US;
	if (series_add(&periods->series,
		       p->t_ns > periods->begin_ns ? p->t_ns - periods->begin_ns : 0, row,
		       NULL) < 0)
		periods->no_memory = true;
	return 0;
}

static int drain(struct periods *periods, struct tare_err *err)
{
	int r = ring_buffer__consume(periods->ring);

	if (r < 0)
		return err_set(err, -r, "read the ring of CPU periods");
	return periods->no_memory ? err_set(err, ENOMEM, "out of memory for a time series") : 0;
}

static uint64_t amount_in(const char *text, const char *key, uint64_t unit_ns)
{
	uint64_t amount = 0;

	(void)statfile_find(text, key, &amount);
	return amount * unit_ns;
}

/* A quota's timer starts with its first write: a group has periods before anybody joins. */
static int read_before(struct periods *periods, struct tare_err *err)
{
	struct cpu_period *before = &periods->before;
	char text[1024];
	int r = statfile_read(periods->stat_fd, "cpu.stat", text, sizeof(text), err);

	if (r < 0)
		return r;
	before->nr_periods = amount_in(text, "nr_periods", 1);
	before->nr_throttled = amount_in(text, "nr_throttled", 1);
	/* v1's, and v2's: there is one or the other. */
	before->throttled_ns =
		amount_in(text, "throttled_time", 1) + amount_in(text, "throttled_usec", NS_PER_US);
	before->burst_ns =
		amount_in(text, "burst_time", 1) + amount_in(text, "burst_usec", NS_PER_US);
	return 0;
}

static void periods_close(void *trace)
{
	struct periods *periods = trace;

	if (!periods)
		return;
	cleanup_closep(&periods->stat_fd);
	ring_buffer__free(periods->ring);
	cpu_bpf__destroy(periods->bpf);
	series_clear(&periods->series);
	free(periods);
}

static int load(struct periods *periods, uint64_t group, struct tare_err *err)
{
	int r;

	skeleton_quiet();
	periods->bpf = cpu_bpf__open();
	if (!periods->bpf)
		return skeleton_error(err, -errno, "open the BPF program of CPU periods");
	periods->bpf->rodata->group = group;
	r = cpu_bpf__load(periods->bpf);
	if (r < 0)
		return skeleton_error(err, r, "load the BPF program of CPU periods");
	periods->ring =
		ring_buffer__new(bpf_map__fd(periods->bpf->maps.ring), take_period, periods, NULL);
	if (!periods->ring)
		return err_errno(err, "open the ring of CPU periods");
	r = cpu_bpf__attach(periods->bpf);
	return r < 0 ? skeleton_error(err, r, "attach to the expiry of timers") : 0;
}

static int periods_open(const struct cgroup *group, json_t *unsupported, void **ret,
			struct tare_err *err)
{
	struct periods *periods = calloc(1, sizeof(*periods));
	struct tare_err why = {0};
	uint64_t id = 0;
	int r = 0;

	*ret = NULL;
	if (!periods)
		return err_set(err, ENOMEM, "out of memory");
	periods->stat_fd = -1;
	for (size_t i = 0; i < COLUMNS; i++)
		series_add_column(&periods->series, column_names[i]);
	if (group)
		r = trace_group_id(group, CGROUP_CPU, &id, &why);
	if (r == 0 && group)
		periods->stat_fd =
			statfile_open(cgroup_controller_fd(group, CGROUP_CPU, NULL), "cpu.stat");
	if (r == 0)
		r = load(periods, id, &why);
	if (r == 0) {
		*ret = periods;
		return 0;
	}
	periods_close(periods);
	if (json_put(unsupported, "periods", json_string(why.msg)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int periods_snapshot(void *trace, enum collector_moment moment, struct tare_err *err)
{
	struct periods *periods = trace;
	uint64_t now = clock_now_ns();
	int r = drain(periods, err);

	if (r == 0 && moment == COLLECTOR_BEGIN)
		r = read_before(periods, err);
	if (r == 0)
		r = skeleton_misses(periods->bpf->obj, &periods->misses[moment], err);
	if (moment == COLLECTOR_BEGIN)
		periods->begin_ns = now;
	return r;
}

static int periods_sample(void *trace, struct tare_err *err)
{
	return drain(trace, err);
}

static int periods_read(void *trace, json_t *object, json_t *lost, struct tare_err *err)
{
	struct periods *periods = trace;

	if (json_put(object, "periods", series_to_json(&periods->series)) < 0 ||
	    json_put(lost, "periods",
		     json_u64(periods->series.lost +
			      __atomic_load_n(&periods->bpf->bss->lost, __ATOMIC_RELAXED))) < 0 ||
	    json_put(lost, "recursion_misses",
		     json_u64(periods->misses[COLLECTOR_END] - periods->misses[COLLECTOR_BEGIN])) <
		    0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

const struct trace_ops periods_trace = {
	.open = periods_open,
	.snapshot = periods_snapshot,
	.sample = periods_sample,
	.read = periods_read,
	.close = periods_close,
};
